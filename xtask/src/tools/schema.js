// Writes the SARIF schema that lies in a package's program as an object literal. The literal ends
// where its brackets close; it is evaluated in a context that has nothing.
const fs = require("fs");
const text = fs.readFileSync("node_modules/@datadog/datadog-ci-plugin-sarif/dist/bundle.js", "utf8");
const name = "var sarif_schema_2_1_0_default = ";
const start = text.indexOf(name) + name.length;
if (start < name.length) throw new Error("the package no longer holds the schema");
let depth = 0, quote = null, end = start;
for (; ; end++) {
  const c = text[end];
  if (c === undefined) throw new Error("the schema has no end");
  if (quote) {
    if (c === "\\") end++;
    else if (c === quote) quote = null;
  } else if (c === '"' || c === "'" || c === "`") quote = c;
  else if (c === "{") depth++;
  else if (c === "}" && --depth === 0) break;
}
const schema = require("vm").runInNewContext("(" + text.slice(start, end + 1) + ")", Object.create(null));
if (schema.title === undefined || schema.properties === undefined) throw new Error("this is no schema");
fs.writeFileSync("sarif-2.1.0.json", JSON.stringify(schema));
