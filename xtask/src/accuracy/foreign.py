"""Puts together the examples of other scanners' rules: foreign.py RULES.json RULES.yml RIPSECRETS CASES.json

RULES.json: what `kingfisher rules list -f json` prints. RULES.yml: a file of kingfisher's rules with negative
examples. RIPSECRETS: the folder of tests of its crate.
"""

import json
import pathlib
import sys

import yaml

rules_json, rules_yml, ripsecrets, cases = map(pathlib.Path, sys.argv[1:])
positives, negatives = [], []

# Invisible rules find the parts that others need: hosts, account names.
for rule in json.loads(rules_json.read_text()):
    if rule["visible"]:
        for text in rule.get("examples") or []:
            positives.append({"rule": rule["name"], "pattern": rule["pattern"], "text": text})

for rule in yaml.safe_load(rules_yml.read_text())["rules"]:
    for text in rule.get("examples") or []:
        positives.append({"rule": rule["name"], "pattern": rule["pattern"], "text": text})
    negatives += rule.get("negative_examples") or []

for file in sorted((ripsecrets / "one_per_line").iterdir()):
    for line in file.read_text().splitlines():
        positives.append({"rule": f"ripsecrets {file.name}", "text": line})
for file in sorted((ripsecrets / "one_per_file").iterdir()):
    positives.append({"rule": f"ripsecrets {file.name}", "text": file.read_text()})
# Two lines of `none` hold a value that is only allowed there.
for line in (ripsecrets / "none").read_text().splitlines():
    if "allowlist" not in line and ".secretsignore" not in line:
        negatives.append(line)

cases.write_text(json.dumps({"positives": positives, "negatives": negatives}))
