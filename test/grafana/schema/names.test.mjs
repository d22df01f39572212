// Units, colours, reducers and the like are words that Grafana looks up: here in the same registries, of both versions.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { names } from './known.mjs';
import { pages, values } from './pages.mjs';

// The packages are made for a browser, of which loading them asks the languages.
globalThis.navigator ??= { language: 'en', languages: ['en'], userAgent: '' };
const require = createRequire(import.meta.url);

/** Whether a version knows a word of a kind. */
function lookup(grafana) {
	const units = grafana.getValueFormats().flatMap(({ submenu }) => submenu).map(({ value }) => value);
	const transformations = Object.values(grafana.standardTransformers).map(({ id }) => id);
	const { visualization } = grafana.createTheme();
	return {
		colour: (name) => visualization.getColorByName(name) !== name,
		datasource: (name) => ['prometheus', 'loki'].includes(name), // plugins' ids, which never changed
		duration: (text) => isDuration(grafana, text),
		moment: (text) => grafana.dateMath.isValid(text),
		reducer: (id) => Boolean(grafana.fieldReducers.getIfExists(id)),
		transformation: (id) => transformations.includes(id),
		unit: (id) => units.includes(id) || (id.startsWith('suffix:') && grafana.getValueFormat(id)(1).suffix.endsWith(id.at(-1))),
	};
}

function isDuration(grafana, text) {
	try {
		return grafana.rangeUtil.intervalToSeconds(text) > 0;
	} catch {
		return false;
	}
}

/** Every word of each kind that the dashboards have. */
function used() {
	const found = Object.fromEntries(Object.keys(names).map((kind) => [kind, new Set()]));
	for (const { text } of pages(process.env.DASHBOARDS)) {
		for (const { value, place } of values(JSON.parse(text))) {
			const kind = Object.keys(names).find((name) => names[name].test(place));
			if (kind && typeof value === 'string') {
				found[kind].add(value);
			}
		}
	}
	return found;
}

for (const version of ['data-9.3', 'data-newest']) {
	test(`${version} knows every name`, () => {
		const knows = lookup(require(version));
		for (const [kind, words] of Object.entries(used())) {
			assert.ok(words.size > 0, `no ${kind} is used`);
			assert.deepEqual([...words].filter((word) => !knows[kind](word)), [], kind);
			assert.equal(knows[kind]('no such choice'), false, `${kind}: any word is taken`);
		}
	});
}
