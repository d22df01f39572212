// What the newest Grafana knows of what our dashboards use. Its packages declare all of it but the queries of Prometheus and Loki, which
// left them: what 10.1 declared is still there (@grafana/prometheus 13.2, dataquery.d.ts; @grafana/schema 12.0 for Loki).
import type * as data from 'data-newest';
import type * as schema from 'schema-newest';
import type { Options as BarGauge } from 'schema-newest/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type { Options as Logs } from 'schema-newest/dist/esm/raw/composable/logs/panelcfg/x/LogsPanelCfg_types.gen';
import type { Options as Stat } from 'schema-newest/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as Table } from 'schema-newest/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { Options as TimeSeries } from 'schema-newest/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type { LokiDataQuery, LokiQueryType } from 'schema-10.1/dist/esm/raw/composable/loki/dataquery/x/LokiDataQuery_types.gen';
import type { PrometheusDataQuery } from 'schema-10.1/dist/esm/raw/composable/prometheus/dataquery/x/PrometheusDataQuery_types.gen';
import type { Marked, Plain, Renamed } from './plain';

type Prometheus = data.DataQuery & Omit<PrometheusDataQuery, keyof data.DataQuery>;
type Loki = Omit<data.DataQuery, 'queryType'> & { queryType: LokiQueryType } & Omit<LokiDataQuery, keyof data.DataQuery>;

type Field<Style> = Omit<schema.FieldConfig, 'custom' | 'links' | 'mappings'> & {
	custom: Style;
	links: data.DataLink[];
	mappings: schema.ValueMapping[];
};

type Panel<Kind extends string, Options, Query, Style = undefined> = Omit<schema.Panel, 'fieldConfig' | 'options' | 'targets' | 'transformations' | 'type'> & {
	type: Kind;
	options: Options;
	targets: Query[];
	fieldConfig: Omit<schema.FieldConfigSource, 'defaults'> & { defaults: Field<Style> };
	transformations: { id: string; options: Renamed }[];
};

type AnyPanel =
	| Panel<'stat', Stat, Prometheus>
	| Panel<'bargauge', BarGauge, Prometheus>
	| Panel<'table', Table, Prometheus, schema.TableFieldOptions>
	| Panel<'timeseries', TimeSeries, Prometheus, schema.GraphFieldConfig>
	| Panel<'logs', Logs, Loki>;

type Row = Omit<schema.RowPanel, 'panels'> & { panels: AnyPanel[] };

type Variable =
	| Omit<data.QueryVariableModel, 'query'> & { query: { query: string; refId: string } }
	| data.DataSourceVariableModel
	| data.TextBoxVariableModel;

export type Dashboard = Plain<Omit<schema.Dashboard, 'annotations' | 'panels' | 'templating'> & {
	annotations: { list: (Omit<schema.AnnotationQuery, 'target'> & Marked)[] };
	panels: (AnyPanel | Row)[];
	templating: { list: Variable[] };
}>;
