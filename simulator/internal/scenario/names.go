package scenario

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// span is the shell's brace sequence, {01..10}; leading zeros of the first number set the width.
var span = regexp.MustCompile(`\{(\d+)\.\.(\d+)\}`)

// maxNames bounds what one pattern may stand for: a slip such as {1..1000000} is an error, not a full memory.
const maxNames = 100_000

// names spells a pattern out. A name without a span is itself.
func names(pattern string) ([]string, error) {
	if strings.TrimSpace(pattern) == "" {
		return nil, errors.New("a name is missing")
	}
	return spell(pattern)
}

func spell(pattern string) ([]string, error) {
	found := span.FindStringSubmatchIndex(pattern)
	if found == nil {
		if strings.ContainsAny(pattern, "{}") {
			return nil, fmt.Errorf("%q: braces hold a sequence of numbers, such as {01..10}", pattern)
		}
		return []string{pattern}, nil
	}
	low, high := pattern[found[2]:found[3]], pattern[found[4]:found[5]]
	first, errFirst := strconv.Atoi(low)
	last, errLast := strconv.Atoi(high)
	if errFirst != nil || errLast != nil || last < first {
		return nil, fmt.Errorf("%q: a sequence goes from a number up to a larger one, such as {01..10}", pattern)
	}
	tails, err := spell(pattern[found[1]:])
	if err != nil {
		return nil, err
	}
	if last-first >= maxNames/len(tails) {
		return nil, fmt.Errorf("%q stands for more than %d names", pattern, maxNames)
	}

	var all []string
	for n := first; n <= last; n++ {
		for _, tail := range tails {
			all = append(all, fmt.Sprintf("%s%0*d%s", pattern[:found[0]], len(low), n, tail))
		}
	}
	return all, nil
}

// turns gives the name for the n-th of several objects: the names of a pattern take turns. An empty pattern is empty.
func turns(pattern string, n int) (string, error) {
	if pattern == "" {
		return "", nil
	}
	all, err := names(pattern)
	if err != nil {
		return "", err
	}
	return all[n%len(all)], nil
}
