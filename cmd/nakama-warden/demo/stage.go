package demo

import (
	"context"
	"fmt"
	"time"
)

// act is one part of a demo.
type act struct {
	title string
	play  func(context.Context) error
}

// stage is where a demo is played: it tells the audience and keeps the score.
type stage struct {
	audience Audience
	act      string
	over     func() error // the context's, while an act is played
	began    time.Time
	summary  Summary
}

func newStage(audience Audience) stage { return stage{audience: audience, began: time.Now()} }

// perform plays acts. Whatever keeps one from being played ends the demo, as the summary's problem.
func (s *stage) perform(ctx context.Context, acts []act) Summary {
	s.over = ctx.Err
	for _, a := range acts {
		s.act = a.title
		s.audience.Act(a.title)
		err := a.play(ctx)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			s.summary.Problem = fmt.Sprintf("%s: %v", a.title, err)
			if ctx.Err() != nil {
				s.summary.Problem = "interrupted"
			}
			break
		}
	}
	s.summary.Seconds = time.Since(s.began).Seconds()
	return s.summary
}

// say tells what is no check.
func (s *stage) say(format string, args ...any) { s.audience.Progress(fmt.Sprintf(format, args...)) }

// check counts and tells a check. What is seen after the end of the context is no outcome.
func (s *stage) check(c Check) {
	if s.over() != nil {
		return
	}
	c.Act = s.act
	s.summary.Checks++
	if c.Held {
		s.summary.Held++
	}
	s.audience.Check(c)
}

// expect is a check that holds if what was seen is what was expected.
func (s *stage) expect(name, expected, seen string) {
	s.check(Check{Name: name, Expected: expected, Seen: seen, Held: seen == expected})
}
