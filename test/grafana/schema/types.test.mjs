// The dashboards have only what Grafana knows, in 9.3 as in the newest; and these tests would see it if they had anything else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compiler } from './compile.mjs';
import { isFree, newer } from './known.mjs';
import { changed, pages, values } from './pages.mjs';

const compile = compiler();
const all = pages(process.env.DASHBOARDS);
const versions = ['grafana-9.3', 'newest'];

for (const version of versions) {
	test(`${version} knows all of every dashboard`, () => {
		const found = compile(version, all.map(({ text }) => text));
		const problems = all.flatMap(({ name }, i) => found[i].map(({ line, text }) => `${name}:${line}: ${text}`));
		assert.equal(problems.join('\n'), '');
	});
}

const kindOf = (value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);

/** One example of each kind of value in each place, from whichever dashboard has it. */
function places() {
	const found = new Map();
	for (const page of all.map(({ text }) => JSON.parse(text))) {
		for (const { value, path, place } of values(page)) {
			const kind = `${place} ${kindOf(value)}`;
			if (path.length > 0 && !found.has(kind)) {
				found.set(kind, { page, path, place, value });
			}
		}
	}
	return [...found.values()];
}

/** The places in which a change is taken without a word. */
function taken(version, where, change) {
	const found = compile(version, where.map(({ page, path }) => JSON.stringify(changed(page, path, change))));
	return where.filter((_, i) => found[i].length === 0).map(({ place }) => place);
}

for (const version of versions) {
	test(`${version}: what nobody knows is refused, wherever it stands`, () => {
		const where = places().filter(({ value }) => kindOf(value) === 'object');
		assert.ok(where.length > 50, `${where.length} kinds of objects`);
		const missed = taken(version, where, (value) => ({ ...value, nobodyKnowsThis: true }));
		assert.deepEqual(missed.filter((place) => !isFree.key(place)), []);
	});

	test(`${version}: a value of another type is refused, wherever it stands`, () => {
		const where = places();
		assert.ok(where.length > 200, `${where.length} kinds of values`);
		assert.deepEqual(taken(version, where, (value) => (typeof value === 'string' || Array.isArray(value) ? 7.5 : 'seven')), []);
	});

	test(`${version}: a word that is no choice is refused, but where any text will do`, () => {
		const where = places().filter(({ value }) => typeof value === 'string');
		const missed = taken(version, where, () => 'no such choice');
		assert.deepEqual(where.map(({ place }) => place).filter((place) => missed.includes(place) !== isFree.text(place)), []);
	});
}

test('an option that came after 9.3 is refused by 9.3, and known to the newest', () => {
	const where = newer.map(([place, key, value]) => {
		const example = places().find((one) => one.place === place && kindOf(one.value) === 'object');
		assert.ok(example, `nothing is at ${place}`);
		return JSON.stringify(changed(example.page, example.path, (known) => ({ ...known, [key]: value })));
	});
	const names = newer.map(([place, key]) => `${place}.${key}`);
	const old = compile('grafana-9.3', where);
	assert.deepEqual(names.filter((_, i) => old[i].length === 0), [], 'taken by 9.3');
	const now = compile('newest', where);
	assert.deepEqual(names.filter((_, i) => now[i].length > 0), [], 'refused by the newest');
});
