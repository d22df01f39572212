// Every question to Loki is one that Grafana's own parser of LogQL understands.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parser } from '@grafana/lezer-logql';
import { pages, values } from './pages.mjs';

/** Where a query is wrong, or nothing. */
function mistake(query) {
	let at;
	parser.parse(query).iterate({ enter: (node) => { at ??= node.type.isError ? query.slice(node.from) : undefined; } });
	return at;
}

/** What is asked of Loki, as it is before anybody chooses otherwise. */
function questions() {
	return pages(process.env.DASHBOARDS).flatMap(({ text }) => [...values(JSON.parse(text))])
		.filter(({ value }) => value?.expr !== undefined && value.datasource.type === 'loki')
		.map(({ value }) => value.expr.replaceAll('$log_host', '.+'));
}

test('every question to Loki is understood', () => {
	const all = questions();
	assert.ok(all.length > 15, `${all.length} questions`);
	for (const query of all) {
		assert.equal(mistake(query), undefined, query);
		assert.ok(!query.includes('$'), `${query}: a choice is not filled in`);
	}
});

test('what is no LogQL is found', () => {
	for (const query of ['{job="a"', '{job="a"} | json |', '{job="a"} | line_format', 'rate({job="a"}[5m]', '{job=~a}']) {
		assert.notEqual(mistake(query), undefined, query);
	}
});
