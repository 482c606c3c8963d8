// What every script begins with: where the gateway is, and which keys there are.

import assert from "node:assert/strict";

export { assert };
export const { BASE_URL, KEY, RATED_KEY, SPENT_KEY, NARROW_KEY, UNKNOWN_KEY } = process.env;
export const TEXT = "one two three four five";

// The error that a call throws, which has to be of this very class.
export async function thrown(kind, call) {
  let given;
  try {
    given = await call();
  } catch (error) {
    assert.equal(error.constructor, kind, `${error.constructor.name} instead of ${kind.name}: ${error}`);
    return error;
  }
  assert.fail(`no ${kind.name}, but ${JSON.stringify(given)}`);
}

export async function all(items) {
  const list = [];
  for await (const item of items) list.push(item);
  return list;
}

export function end() {
  console.log("every call was made");
}
