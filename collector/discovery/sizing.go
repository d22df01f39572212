package discovery

import (
	"fmt"
	"slices"
	"strings"
)

// The environments that sizing knows. Any other is taken for production.
const (
	Testing    = "testing"
	Production = "production"
)

// gigabyte is decimal, as clouds sell them; tolerance is what firmware and kernel keep of them.
const (
	gigabyte  = 1_000_000_000
	tolerance = 0.1
)

// need is what a role takes: gigabytes at least and at best, and processors.
type need struct {
	memory, ideal float64
	cpus          int
}

// needOf returns nothing for a role that has no minimum.
func needOf(role, environment string) need {
	testing := environment == Testing
	switch {
	case role == RoleNakama && testing:
		return need{1, 1, 1}
	case role == RoleNakama:
		return need{3, 3, 1}
	case role == RoleCockroachDB && testing:
		return need{2, 2, 1}
	case role == RoleCockroachDB:
		return need{4, 6, 1}
	}
	return need{}
}

// Undersized says what the host has too little of for its roles, which need the sum of what each needs: a sentence for
// the memory (in bytes) and one for the processors. Advice is the softer word on memory that is enough, but not ideal.
func Undersized(roles []string, environment string, memoryTotal uint64, cpus int) (short []string, advice string) {
	var sum need
	for _, role := range roles {
		n := needOf(role, environment)
		sum.memory += n.memory
		sum.ideal += n.ideal
		sum.cpus += n.cpus
	}
	who, has := strings.Join(roles, " and "), float64(memoryTotal)/gigabyte
	environment = environmentOf(environment)
	switch {
	case has < sum.memory*(1-tolerance):
		short = append(short, fmt.Sprintf("%.1f GB of memory are too little for %s in %s: give the host %.0f GB or more", has, who, environment, sum.memory))
	case has < sum.ideal*(1-tolerance):
		advice = fmt.Sprintf("%.1f GB of memory are enough for %s in %s, but %.0f GB or more are better", has, who, environment, sum.ideal)
	}
	if cpus < sum.cpus {
		short = append(short, fmt.Sprintf("%d CPU is too little for %s in %s: give the host %d or more", cpus, who, environment, sum.cpus))
	}
	return short, advice
}

// RolesShareHost says why the roles must not be on one host, or nothing.
func RolesShareHost(roles []string, environment string) string {
	if environment == Testing || !slices.Contains(roles, RoleNakama) || !slices.Contains(roles, RoleCockroachDB) {
		return ""
	}
	return "nakama and cockroachdb share this host, which production must not: move one to a host of its own, or declare `environment: testing`"
}

func environmentOf(environment string) string {
	if environment == Testing {
		return Testing
	}
	return Production
}
