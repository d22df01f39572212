// Plain is a type as its JSON is written: words stand for the members of enums, and whatever Grafana fills in by itself may be absent.
export type Plain<T> =
	T extends string ? `${T}` :
	T extends number | boolean | null | undefined ? T :
	T extends readonly (infer Element)[] ? Plain<Element>[] :
	T extends object ? { [Key in keyof T]?: Plain<T[Key]> } :
	T;

// Marked is what an annotation of a Prometheus or a Loki has of its own. No package declares it: 9.3 asks for `expr` each `step`, and what
// is newer moves both into a target when it loads them (@grafana/prometheus, prepareAnnotation).
export interface Marked {
	expr: string;
	step: string;
	titleFormat: string;
	textFormat: string;
	tagKeys: string;
}

// Renamed is what of `organize` may name any column.
export interface Renamed {
	excludeByName: Record<string, boolean>;
	indexByName: Record<string, number>;
	renameByName: Record<string, string>;
}
