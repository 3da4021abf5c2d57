"""The patterns of match statements."""

import ast
from collections.abc import Mapping, Sequence


class Patterns:
    """The part of the interpreter that matches patterns."""

    def matches(self, pattern, subject, frame):
        """Whether a pattern fits; names in it are bound where it does."""
        return getattr(self, f"matches_{type(pattern).__name__}")(pattern, subject, frame)

    def matches_MatchValue(self, pattern, subject, frame):
        value = self.evaluate(pattern.value, frame)
        return self.truth(self.compare(ast.Eq, subject, value))

    def matches_MatchSingleton(self, pattern, subject, frame):
        return subject is pattern.value

    def matches_MatchAs(self, pattern, subject, frame):
        if pattern.pattern is not None and not self.matches(pattern.pattern, subject, frame):
            return False
        if pattern.name is not None:
            self._assign_name(pattern.name, subject, frame)
        return True

    def matches_MatchOr(self, pattern, subject, frame):
        return any(self.matches(choice, subject, frame) for choice in pattern.patterns)

    def matches_MatchSequence(self, pattern, subject, frame):
        if not isinstance(subject, Sequence) or isinstance(subject, str | bytes | bytearray):
            return False
        items = list(self.iterate(subject))
        patterns = pattern.patterns
        stars = [i for i, part in enumerate(patterns) if isinstance(part, ast.MatchStar)]
        if not stars:
            return len(items) == len(patterns) and self._all_match(patterns, items, frame)
        star = stars[0]
        after = len(patterns) - star - 1
        if len(items) < star + after:
            return False
        end = len(items) - after
        if not self._all_match(patterns[:star], items[:star], frame):
            return False
        if patterns[star].name is not None:
            self._assign_name(patterns[star].name, self.make(items[star:end]), frame)
        return self._all_match(patterns[star + 1 :], items[end:], frame)

    def _all_match(self, patterns, items, frame):
        return all(self.matches(part, item, frame) for part, item in zip(patterns, items))

    def matches_MatchMapping(self, pattern, subject, frame):
        if not isinstance(subject, Mapping):
            return False
        keys = [self.evaluate(key, frame) for key in pattern.keys]
        for key, part in zip(keys, pattern.patterns):
            if not self.contains(subject, key):
                return False
            if not self.matches(part, self.get_item(subject, key), frame):
                return False
        if pattern.rest is not None:
            rest = {k: v for k, v in self.mapping_items(subject) if k not in keys}
            self._assign_name(pattern.rest, self.make(rest), frame)
        return True

    def matches_MatchClass(self, pattern, subject, frame):
        cls = self.evaluate(pattern.cls, frame)
        if not self.call(isinstance, (subject, cls), {}):
            return False
        names = pattern.kwd_attrs
        if pattern.patterns:
            own = (bool, bytearray, bytes, dict, float, frozenset, int, list, set, str, tuple)
            if cls in own:
                if len(pattern.patterns) > 1:
                    raise TypeError(f"{cls.__name__}() accepts 1 positional sub-pattern")
                if not self.matches(pattern.patterns[0], subject, frame):
                    return False
            else:
                positional = self.get_attribute(cls, "__match_args__")
                names = [*positional[: len(pattern.patterns)], *names]
        parts = [*([] if len(names) == len(pattern.kwd_attrs) else pattern.patterns)]
        for name, part in zip(names, [*parts, *pattern.kwd_patterns]):
            if not self.call(hasattr, (subject, name), {}):
                return False
            if not self.matches(part, self.get_attribute(subject, name), frame):
                return False
        return True
