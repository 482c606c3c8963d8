//! The PostgreSQL engine keeps the contract of every engine.

use keyward_store::conformance::store_conformance;
use keyward_store_postgres::Postgres;
use keyward_testing::postgres::Postgres as Server;

#[test]
fn the_postgres_engine_conforms() {
    let server = Server::shared();
    store_conformance(move || {
        let address = server.fresh().parse().unwrap();
        Box::new(Postgres::create(&address, || 0).unwrap())
    });
}
