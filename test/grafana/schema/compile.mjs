// Dashboards as TypeScript sees them: each is a literal that is assigned to the type of a dashboard, which refuses what it does not know.
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = fileURLToPath(new URL('.', import.meta.url));
const heading = 2; // lines above the JSON

const options = {
	lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
	module: ts.ModuleKind.ESNext,
	moduleResolution: ts.ModuleResolutionKind.Bundler,
	noEmit: true,
	skipLibCheck: true, // of the packages' own, which import more than is installed
	strict: true,
	target: ts.ScriptTarget.ES2022,
	types: [],
};

/** A compiler that reads the packages once. */
export function compiler() {
	const read = new Map();
	return (version, texts) => compile(version, texts, read);
}

/** All texts are checked against the types of one version; what is refused is returned for each, by line. */
function compile(version, texts, read) {
	const sources = new Map(texts.map((text, i) => [
		`${here}page-${i}.ts`,
		`import type { Dashboard } from './types/${version}';\nexport const page: Dashboard =\n${text};\n`,
	]));
	const program = ts.createProgram([...sources.keys()], options, hostOf(sources, read));
	refuse(`types/${version}.ts`, program.getSemanticDiagnostics(program.getSourceFile(`${here}types/${version}.ts`)));
	return [...sources.keys()].map((name) => {
		const file = program.getSourceFile(name);
		refuse('the JSON', program.getSyntacticDiagnostics(file));
		return program.getSemanticDiagnostics(file).map((found) => ({
			line: file.getLineAndCharacterOfPosition(found.start).line + 1 - heading,
			text: ts.flattenDiagnosticMessageText(found.messageText, '\n'),
		}));
	});
}

function hostOf(sources, read) {
	const host = ts.createCompilerHost(options);
	const { fileExists, getSourceFile, readFile } = host;
	host.fileExists = (name) => sources.has(name) || fileExists(name);
	host.readFile = (name) => sources.get(name) ?? readFile(name);
	host.getSourceFile = (name, language) => {
		if (sources.has(name)) {
			return ts.createSourceFile(name, sources.get(name), language);
		}
		if (!read.has(name)) {
			read.set(name, getSourceFile(name, language));
		}
		return read.get(name);
	};
	return host;
}

/** A type that cannot be found takes anything, and would prove nothing. */
function refuse(what, problems) {
	if (problems.length > 0) {
		throw new Error(`${what}: ${ts.flattenDiagnosticMessageText(problems[0].messageText, '\n')}`);
	}
}
