package alerting

// The scripts: "5m A B:critical -> firing A" is a Step five minutes after the start with two conditions, and what it must
// tell; "-" is no condition. Verbs on lines of their own act at the time of the last step:
//
//	silence A 10m     end s1     maintenance 10m     maintenance over     settle 2m (from then)
//	restart (the state goes through JSON)            clock -1h (later times are that much off)
//	shown firing A, pending B silenced               next 10m, or next never
//
// A and B need five minutes to fire and five to clear, Z nothing; all three are warnings.
var scripts = map[string]string{
	"fires after its hold, is told once, resolves after its hold, and may fire again": `
		0s   A
		next 5m
		299s A
		shown pending A
		300s A -> firing A
		shown firing A
		next never
		1h   A
		61m  -
		next 66m
		shown firing A
		65m  -
		66m  - -> resolved A
		shown
		3h   -
		4h   A
		5h   A
		305m A -> firing A`,
	"a pending one that clears is forgotten": `
		0s A
		4m A
		5m -
		shown
		next never
		6m A
		9m A
		shown pending A
		11m A -> firing A`,
	"without a hold it fires and resolves in the same step": `
		0s Z -> firing Z
		1s Z
		2s - -> resolved Z`,
	"one that returns within its hold stays the same alert": `
		0s A
		5m A -> firing A
		6m -
		10m A
		15m A
		16m -
		20m -
		21m - -> resolved A`,
	"several are told by state, severity and name": `
		0s Z A -> firing Z
		5m A B Y:critical X:info -> firing Y:critical, firing A, firing X:info, resolved Z
		shown firing Y:critical, firing A, firing X:info, pending B`,
	"the hold doubles with each return within an hour, and recovers": `
		0s  A
		5m  A -> firing A
		6m  -
		11m - -> resolved A
		12m A
		17m A -> firing A
		18m -
		27m -
		28m - -> resolved A
		29m A
		34m A -> firing A
		35m -
		next 55m
		54m A
		55m -
		94m A
		95m -
		154m -
		155m - -> resolved A
		20h A
		1205m A -> firing A
		1206m -
		1211m - -> resolved A`,
	"after hours of steady firing the hold is as it was": `
		0s  A
		5m  A -> firing A
		6m  -
		11m - -> resolved A
		12m A
		17m A -> firing A
		18m -
		next 28m
		19m A
		10h A
		601m -
		606m - -> resolved A`,
	"a shaky condition without holds is heard of a few times only": `
		0s  Z -> firing Z
		10s - -> resolved Z
		20s Z -> firing Z
		30s -
		40s Z
		50s -
		80s Z
		90s -
		2m  Z
		3m  -
		5m  Z
		6m  -
		next 680s
		679s -
		680s - -> resolved Z`,
	"a higher severity is told again, a lower one is not": `
		0s  A
		5m  A -> firing A
		6m  A:critical -> firing A:critical
		shown firing A:critical
		7m  A:info
		shown firing A:info
		8m  A:critical
		9m  A
		10m -
		15m - -> resolved A:critical`,
	"severities nobody has heard of page for nothing": `
		0s  A:info
		5m  A:info -> firing A:info
		6m  A:loud
		7m  A -> firing A`,
	"listed twice, the higher severity counts": `
		0s Z Z:critical Z:info -> firing Z:critical
		shown firing Z:critical
		1s - -> resolved Z:critical`,
	"silenced while it becomes firing: told when the silence ends": `
		0s  A
		silence A 10m
		5m  A
		shown firing A silenced
		next 10m
		restart
		9m  A
		10m A -> firing A
		shown firing A`,
	"silenced and over: nobody hears of it": `
		0s  A
		silence all 20m
		5m  A
		6m  -
		11m -
		20m -`,
	"silenced and vanished as the silence ends: not told until it is back": `
		0s  A
		silence A 10m
		5m  A
		9m  -
		10m -
		11m A -> firing A
		12m -
		17m - -> resolved A`,
	"told, then silenced: its end is told, its lasting is not": `
		0s  A
		5m  A -> firing A
		silence A 10m
		6m  A
		shown firing A silenced
		15m A
		silence A 10m
		16m -
		21m - -> resolved A`,
	"worse while silenced: told as such at the end": `
		0s  A
		5m  A -> firing A
		silence A 10m
		6m  A:critical
		next 15m
		15m A:critical -> firing A:critical`,
	"of two silences the longer counts, and one may be ended early": `
		0s  A
		silence A 10m
		silence all 20m
		5m  A
		next 20m
		10m A
		end s2
		11m A -> firing A`,
	"maintenance is about availability": `
		0s  ServiceDown NotEnforced
		maintenance 30m
		5m  ServiceDown NotEnforced -> firing NotEnforced:critical
		shown firing NotEnforced:critical, firing ServiceDown:critical silenced
		10m -
		15m - -> resolved NotEnforced:critical
		16m ServiceDown
		21m ServiceDown
		30m ServiceDown -> firing ServiceDown:critical`,
	"maintenance over before its time": `
		0s  ServiceDown
		maintenance 30m
		5m  ServiceDown
		maintenance over
		6m  ServiceDown -> firing ServiceDown:critical`,
	"a restart pages nobody twice and forgets nobody": `
		0s  A Z -> firing Z
		restart
		5m  A Z -> firing A
		restart
		6m  A Z
		restart
		10m - -> resolved Z
		restart
		15m - -> resolved A`,
	"after a restart missing facts are not the end": `
		0s  A
		5m  A -> firing A
		6m  B A
		restart
		settle 2m
		7m  -
		next 8m
		shown firing A, pending B
		8m  A
		shown firing A
		9m  -
		14m - -> resolved A`,
	"what does not come back resolves its hold after the facts are there": `
		0s  A Z -> firing Z
		5m  A Z -> firing A
		restart
		settle 2m
		6m  -
		7m  - -> resolved Z
		11m -
		12m - -> resolved A`,
	"settling ends early by a past time": `
		0s Z -> firing Z
		settle 5m
		1m -
		settle 0s
		2m - -> resolved Z`,
	"settling has a bound": `
		0s  Z -> firing Z
		settle 1000h
		1m  -
		next 11m
		11m - -> resolved Z`,
	"a pending hold survives a short absence of the agent, not a long one": `
		0s  A
		restart
		4m  A
		5m  A -> firing A
		6m  A B
		restart
		settle 55m
		60m A
		61m A B
		64m A B
		65m A B -> firing B`,
	"short holds are not broken by slow steps": `
		0s S
		20s S -> firing S`,
	"a clock set back by years restarts holds, tells nothing twice, loses nothing": `
		0s  A
		5m  A B -> firing A
		6m  A B
		clock -100000h
		7m  A B
		next 12m
		11m A B
		12m A B -> firing B
		13m B
		clock -100000h
		14m B
		19m B -> resolved A`,
	"a clock set back: silences keep their own length": `
		0s  A
		silence A 10m
		5m  A
		clock -100000h
		6m  A
		next 16m
		15m A
		16m A -> firing A`,
	"a clock set forward ends holds of firing alerts, not those of pending ones": `
		0s  A
		5m  A -> firing A
		6m  B
		clock 100000h
		7m  B -> resolved A
		11m B
		12m B -> firing B`,
}
