// The committed dashboards, whole and in parts.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Each dashboard of a folder: its file's name and text. */
export function pages(folder) {
	const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
	if (files.length !== 5) {
		throw new Error(`${folder}: ${files.length} dashboards; want 5`);
	}
	return files.map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
}

/** Every value in a dashboard: where it is, and its kind of place, in which indices and free keys are left out. */
export function* values(page, path = [], place = []) {
	yield { value: page, path, place: place.join('.') };
	if (page === null || typeof page !== 'object') {
		return;
	}
	const keyed = ['excludeByName', 'mappings.options'].some((end) => place.join('.').endsWith(end));
	for (const [key, value] of Object.entries(page)) {
		const step = Array.isArray(page) ? [] : [keyed ? '*' : key];
		yield* values(value, [...path, key], ofType(value, [...place, ...step]));
	}
}

/** A panel's place is its type, wherever it stands; so is a variable's. */
function ofType(value, place) {
	if (Array.isArray(value)) {
		return place;
	}
	return place.at(-1) === 'panels' ? [value.type] : place.join('.') === 'templating.list' ? [`${value.type}-variable`] : place;
}

/** A dashboard with another value in one place, and without what is elsewhere. */
export function changed(page, path, change) {
	const copy = structuredClone({ [path[0]]: page[path[0]] });
	const short = [...path];
	for (let row = copy, at = 0; short[at] === 'panels' && short.length > at + 1; at += 2) {
		row.panels = [row.panels[short[at + 1]]];
		short[at + 1] = 0;
		row = row.panels[0];
	}
	const key = short.pop();
	const parent = short.reduce((value, step) => value[step], copy);
	parent[key] = change(parent[key]);
	return copy;
}
