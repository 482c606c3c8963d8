//! Which crate may import which. The table is the architecture: imports go
//! downward only, and an edge that is not in it fails the build.
//!
//! Walls against crates from outside (an HTTP client, the database driver, the
//! ciphers) stand in `deny.toml`.

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// A crate and the crates of ours that it may import, lowest first.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("keyward-types", &[]),
    ("keyward-alloc", &[]),
    ("keyward-store", &[]),
    // The verifier shares no code with the writer of the log.
    ("keyward-verify", &[]),
    ("keyward-dotenv", &[]),
    ("keyward-exec", &["keyward-types"]),
    ("keyward-sign", &["keyward-types"]),
    ("keyward-providers", &["keyward-types"]),
    ("keyward-scan", &["keyward-types", "keyward-providers"]),
    // Of the catalogue it carries out what stands there.
    ("keyward-upstream", &["keyward-types", "keyward-providers", "keyward-sign"]),
    ("keyward-store-sqlite", &["keyward-store"]),
    ("keyward-store-postgres", &["keyward-store"]),
    ("keyward-monitor", &["keyward-types"]),
    // Keys, leases, budgets and records come to it by traits: it knows no vault.
    ("keyward-gateway", &["keyward-types", "keyward-sign"]),
    ("keyward-access", &["keyward-types", "keyward-store"]),
    ("keyward-audit", &["keyward-types", "keyward-store"]),
    // What providers answer is believed in the access room.
    ("keyward-oidc", &["keyward-types", "keyward-access"]),
    ("keyward-vault", &["keyward-types", "keyward-store", "keyward-access", "keyward-audit"]),
    // Files are changed a line at a time; stores are asked over the one HTTP client; webhooks are signed
    // as alerts are.
    ("keyward-sync", &["keyward-types", "keyward-dotenv", "keyward-monitor", "keyward-upstream"]),
    // Pure functions over the vault's rows, and the executor of rotations.
    ("keyward-lifecycle", &["keyward-types", "keyward-providers", "keyward-upstream", "keyward-sync", "keyward-vault"]),
    (
        "keyward-client",
        &[
            "keyward-types",
            "keyward-dotenv",
            "keyward-exec",
            "keyward-providers",
            "keyward-store",
            // The desk's local form opens the embedded engine, a server's either.
            "keyward-store-sqlite",
            "keyward-store-postgres",
            "keyward-access",
            "keyward-audit",
            "keyward-vault",
            "keyward-lifecycle",
            // Settings of targets, judged before they are kept.
            "keyward-sync",
            // Alerts are sent from where the vault is.
            "keyward-monitor",
            // Which issuers can be spoken to, before one is kept.
            "keyward-oidc",
            // Stored keys are asked about, and rotations begun, from where the vault is.
            "keyward-upstream",
        ],
    ),
    (
        "keyward-server",
        &[
            "keyward-types",
            // Callers: who is behind a token.
            "keyward-access",
            // The data plane, which it brings keys and a ledger; and where services are.
            "keyward-gateway",
            "keyward-providers",
            // People who sign in at a provider, and workloads.
            "keyward-oidc",
            // Whom tokens are looked up in, and what a desk is made over.
            "keyward-vault",
            "keyward-client",
        ],
    ),
    (
        "keyward",
        &[
            "keyward-types",
            "keyward-alloc",
            "keyward-dotenv",
            "keyward-exec",
            "keyward-providers",
            "keyward-scan",
            "keyward-verify",
            // Found keys are asked about.
            "keyward-upstream",
            // Nouns of the vault that the desk hands on: slots, log lines, versions.
            "keyward-vault",
            "keyward-client",
            // What `up` and `serve` run.
            "keyward-server",
        ],
    ),
    ("xtask", &[]),
];

/// Seen by tests only; it may import every crate.
const TEST_KIT: &str = "keyward-testing";

/// Fails naming each crate that is not in the table and each edge that goes through a wall.
/// Gives the number of edges that were looked at.
pub(crate) fn check(workspace: &Workspace) -> Result<usize> {
    let (edges, breaches) = survey(workspace);
    if !breaches.is_empty() {
        bail!("{}\nhint: imports go downward only; the table is in xtask/src/walls.rs", breaches.join("\n"));
    }
    println!("walls: {edges} imports between our crates, all downward");
    Ok(edges)
}

fn survey(workspace: &Workspace) -> (usize, Vec<String>) {
    let mut edges = 0;
    let mut breaches = Vec::new();
    for package in workspace.crates() {
        let ours = package.imports.iter().filter(|import| workspace.package(&import.name).is_some());
        let row = MAY_IMPORT.iter().find(|(name, _)| *name == package.name);
        if row.is_none() && package.name != TEST_KIT {
            breaches.push(format!("`{}` has no row in the table of walls", package.name));
            continue;
        }
        for import in ours {
            edges += 1;
            let allowed = match row {
                None => true,
                // Tests may use the kit and the crates beside them, but never the binary.
                Some(_) if import.dev => import.name != "keyward",
                Some((_, below)) => below.contains(&import.name.as_str()),
            };
            if !allowed {
                breaches.push(format!("`{}` may not import `{}`", package.name, import.name));
            }
        }
    }
    (edges, breaches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_goes_downward_only() {
        for (row, (name, below)) in MAY_IMPORT.iter().enumerate() {
            assert!(MAY_IMPORT[..row].iter().all(|(other, _)| other != name), "`{name}` has two rows");
            for import in *below {
                let place = MAY_IMPORT.iter().position(|(name, _)| name == import);
                assert!(place.is_some_and(|place| place < row), "`{name}` imports `{import}` from above");
            }
        }
    }

    #[test]
    fn an_edge_upward_is_named() {
        let workspace = Workspace::of(&[
            ("keyward-types", &["keyward-vault"], &[]),
            ("keyward-vault", &["keyward-types", "serde"], &["keyward-testing"]),
            ("keyward-testing", &["keyward-vault"], &[]),
        ]);
        let (edges, breaches) = survey(&workspace);
        assert_eq!(edges, 4);
        assert_eq!(breaches, ["`keyward-types` may not import `keyward-vault`"]);
    }

    #[test]
    fn the_test_kit_stays_out_of_what_is_shipped() {
        let workspace = Workspace::of(&[
            ("keyward-testing", &[], &[]),
            ("keyward-audit", &["keyward-testing"], &["keyward-testing"]),
        ]);
        assert_eq!(survey(&workspace).1, ["`keyward-audit` may not import `keyward-testing`"]);
    }

    #[test]
    fn a_crate_without_a_row_is_named() {
        let workspace = Workspace::of(&[("keyward-rumour", &[], &[])]);
        assert_eq!(survey(&workspace).1, ["`keyward-rumour` has no row in the table of walls"]);
    }
}
