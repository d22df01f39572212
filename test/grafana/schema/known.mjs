// What the types leave to whoever writes a dashboard, and what Grafana learned after 9.3.

const keys = /(excludeByName|indexByName|renameByName|mappings\.options)$/;
const prose = /(^|\.)(title|description|label|name|url|noValue|legendFormat|titleFormat|textFormat|tagKeys|tags|text)$/;
const queries = /\.(expr|definition|query\.query|refId)$/;
const choices = /-variable\.(allValue|query|(current|options)\.value)$/;
const ids = /(^|\.)uid$|reduceOptions\.fields$/; // fields: a regular expression, and empty for all that are numbers

/** Words that Grafana looks up when it shows a page: its types take any. */
export const names = {
	colour: /\.(color|iconColor)$/,
	datasource: /\.datasource\.type$|^datasource-variable\.query$/,
	duration: /^refresh$|^annotations\.list\.step$|\.interval$/,
	moment: /^time\./,
	reducer: /\.calcs$/,
	transformation: /\.transformations\.id$/,
	unit: /\.unit$/,
};

/** Places where Grafana's types take any key, or any text. */
export const isFree = {
	key: (place) => keys.test(place),
	text: (place) => [prose, queries, choices, ids, ...Object.values(names)].some((kind) => kind.test(place)),
};

/** Where an object stands, and what it may have in later versions only. */
export const newer = [
	['stat.options', 'wideLayout', true],
	['stat.options', 'showPercentChange', true],
	['stat.fieldConfig.defaults.color', 'mode', 'shades'],
	['bargauge.options', 'valueMode', 'color'],
	['bargauge.options', 'namePlacement', 'auto'],
	['table.options', 'cellHeight', 'sm'],
	['timeseries.options.tooltip', 'hideZeros', true],
	['timeseries.fieldConfig.defaults.custom', 'insertNulls', true],
	['timeseries.fieldConfig.defaults.custom', 'axisBorderShow', true],
	['logs.options', 'showControls', true],
	['query-variable', 'allowCustomValue', false],
	['annotations.list', 'filter', { ids: [1] }],
];
