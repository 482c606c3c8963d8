import { assert, BASE_URL, end, KEY, NARROW_KEY, RATED_KEY, SPENT_KEY, thrown, UNKNOWN_KEY } from "./common.mjs";
import { neon, neonConfig, NeonDbError } from "@neondatabase/serverless";

neonConfig.fetchEndpoint = `${BASE_URL}/sql`;

// The key is where the password is: whatever else stands there stays here.
const sqlOf = (key) => neon(`postgresql://any:${key}@any.neon.tech/any`);
const sql = sqlOf(KEY);
const ada = { id: 1, name: "Ada" };

assert.deepEqual(await sql`SELECT id, name FROM people`, [ada]);
assert.deepEqual(await sql`SELECT id, name FROM people WHERE name = ${"Bob"}`, [{ id: 1, name: "Bob" }]);
assert.deepEqual(await sql.query("SELECT id, name FROM people", []), [ada]);
assert.deepEqual(await sql.transaction([sql`SELECT 1`, sql`SELECT 2`]), [[ada], [ada]]);
const whole = neon(`postgresql://any:${KEY}@any.neon.tech/any`, { fullResults: true });
assert.equal((await whole`SELECT id, name FROM people`).rowCount, 1);

assert.match((await thrown(NeonDbError, () => sql`SELECT * FROM missing`)).message, /does not exist/);
const rated = sqlOf(RATED_KEY);
await rated`SELECT 1`;
assert.match((await thrown(NeonDbError, () => rated`SELECT 1`)).message, /keyward: .*requests a minute/);
const spent = sqlOf(SPENT_KEY);
await spent`SELECT 1`;
assert.match((await thrown(NeonDbError, () => spent`SELECT 1`)).message, /keyward: .*budget/);
assert.match((await thrown(NeonDbError, () => sqlOf(UNKNOWN_KEY)`SELECT 1`)).message, /keyward: .*not known/);
assert(NARROW_KEY);
end();
