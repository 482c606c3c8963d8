//! The chain from permission to plaintext holds by type: none of these programs compiles.
//!
//! What the compiler says to each lies beside it; `TRYBUILD=overwrite` writes it anew after a
//! change of the compiler, and the difference is then to be read.

#[test]
fn what_goes_around_the_proof_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
