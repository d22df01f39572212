// Package alerting knows what is wrong with a host, since when, and who is to hear of it.
//
// The one idea: it is decided by pure functions, in two steps. Evaluate reads one status.Host and returns the conditions
// that hold in it, without memory and without a clock. What makes an alert of a condition is time, and the state of alerts
// is a value too: it takes the conditions of now and returns what is to be told.
//
// A condition says what to do, and has a page in docs/runbooks. What is unknown is never a condition: a page in the night
// needs a fact. The thresholds and hold times come from "What on-call people want" of the design's facts: at most one
// false page a month in a fleet of 50 hosts.
package alerting
