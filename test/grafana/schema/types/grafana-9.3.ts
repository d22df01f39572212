// What Grafana 9.3 knows of what our dashboards use.
//
// Its packages declare pages, fields and styles. Options of panels and queries of datasources were declared in the plugins, which are no
// packages; 10.1 is the first that has them in one. So they are written here: the names of 9.3, of types that 9.3's packages have, and
// none that 10.1 lacks. The names are from Grafana's source of that time: public/app/plugins/panel/{stat,bargauge,table}/models.gen.ts,
// panel/logs/types.ts (those that we use are in LogRows of @grafana/ui 9.3 too) and datasource/{prometheus,loki}/types.ts.
import type * as data from 'data-9.3';
import type * as schema from 'schema-9.3';
import type { Options as LaterBarGauge } from 'schema-10.1/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type { Options as LaterLogs } from 'schema-10.1/dist/esm/raw/composable/logs/panelcfg/x/LogsPanelCfg_types.gen';
import type { Options as LaterStat } from 'schema-10.1/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as LaterTable } from 'schema-10.1/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { LokiDataQuery, LokiQueryType } from 'schema-10.1/dist/esm/raw/composable/loki/dataquery/x/LokiDataQuery_types.gen';
import type { PrometheusDataQuery } from 'schema-10.1/dist/esm/raw/composable/prometheus/dataquery/x/PrometheusDataQuery_types.gen';
import type { Marked, Plain, Renamed } from './plain';

// Kept is Names if 10.1 has all of them; else it is nothing, which no panel's options are.
type Kept<Names, Later> = Exclude<keyof Names, keyof Later> extends never ? Names : never;

interface Stat extends schema.SingleStatBaseOptions {
	colorMode: schema.BigValueColorMode;
	graphMode: schema.BigValueGraphMode;
	justifyMode: schema.BigValueJustifyMode;
	textMode: schema.BigValueTextMode;
}

interface BarGauge extends schema.SingleStatBaseOptions {
	displayMode: schema.BarGaugeDisplayMode;
	minVizHeight: number;
	minVizWidth: number;
	showUnfilled: boolean;
}

interface Table {
	frameIndex: number;
	showHeader: boolean;
	showTypeIcons: boolean;
	sortBy: schema.TableSortByFieldState[];
}

interface Logs {
	dedupStrategy: data.LogsDedupStrategy;
	enableLogDetails: boolean;
	prettifyLogMessage: boolean;
	showCommonLabels: boolean;
	showLabels: boolean;
	showTime: boolean;
	sortOrder: data.LogsSortOrder;
	wrapLogMessage: boolean;
}

type TimeSeries = schema.OptionsWithTimezones & schema.OptionsWithLegend & schema.OptionsWithTooltip;

// What 9.3 has of the queries that 10.1 declares.
type Prometheus = data.DataQuery & Pick<PrometheusDataQuery, 'editorMode' | 'exemplar' | 'expr' | 'format' | 'instant' | 'intervalFactor' | 'legendFormat' | 'range'>;
type Loki = Omit<data.DataQuery, 'queryType'> & { queryType: LokiQueryType }
	& Pick<LokiDataQuery, 'editorMode' | 'expr' | 'instant' | 'legendFormat' | 'maxLines' | 'range' | 'resolution'>;

// What is below the first threshold has null for a value: "nulls currently appear here" says the package of itself.
type Threshold = Omit<schema.Threshold, 'value'> & { value: number | null };
type Field<Style> = Omit<schema.FieldConfig, 'custom' | 'links' | 'mappings' | 'thresholds'> & {
	custom: Style;
	links: data.DataLink[];
	mappings: data.ValueMapping[];
	thresholds: Omit<schema.ThresholdsConfig, 'steps'> & { steps: Threshold[] };
};

type Panel<Kind extends string, Options, Query, Style = undefined> = Omit<schema.Panel, 'fieldConfig' | 'options' | 'targets' | 'transformations' | 'type'> & {
	type: Kind;
	options: Options;
	targets: Query[];
	fieldConfig: Omit<schema.FieldConfigSource, 'defaults'> & { defaults: Field<Style> };
	transformations: { id: string; options: Renamed }[];
};

type AnyPanel =
	| Panel<'stat', Kept<Stat, LaterStat>, Prometheus>
	| Panel<'bargauge', Kept<BarGauge, LaterBarGauge>, Prometheus>
	| Panel<'table', Kept<Table, LaterTable>, Prometheus, schema.TableFieldOptions>
	| Panel<'timeseries', TimeSeries, Prometheus, schema.GraphFieldConfig>
	| Panel<'logs', Kept<Logs, LaterLogs>, Loki>;

type Row = Omit<schema.RowPanel, 'panels'> & { panels: AnyPanel[] };

type Variable =
	| Omit<data.QueryVariableModel, 'query'> & { query: { query: string; refId: string } }
	| data.DataSourceVariableModel
	| data.TextBoxVariableModel;

type Annotation = Omit<schema.AnnotationQuery, 'target'> & Marked;

export type Dashboard = Plain<Omit<schema.Dashboard, 'annotations' | 'panels' | 'templating'> & {
	annotations: { list: Annotation[] };
	panels: (AnyPanel | Row)[];
	templating: { list: Variable[] };
}>;
