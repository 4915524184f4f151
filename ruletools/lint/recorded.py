"""Rules that read a recorded series which no rule records: they wait for something that never comes."""

from collections.abc import Iterator

from ruletools.expressions import metrics_of, tree_of
from ruletools.lint.content import Content
from ruletools.lint.findings import Finding


def unrecorded(content: Content) -> Iterator[Finding]:
    """Each name with a colon, which is a recorded series by convention, that no rule of the set records."""
    recorded = {record for file in content.files for record in file.recordings}
    for file in content.judged:
        for index, rule in enumerate(file.rules):
            if tree_of(rule["expr"]) is None:
                continue
            names = sorted(name for name in metrics_of(rule["expr"]) if ":" in name.strip(":"))
            for name in names:
                if name not in recorded and name not in content.excused("not_recorded"):
                    what = f"reads {name}, which no rule here records"
                    mend = f"mend the name, give its rule with --rules, {content.keep}"
                    yield content.at_index(file, index, "expr", what, mend)
