//! Ten places that a key is deployed to, of seven kinds, and what lies there.

use std::fs;
use std::path::{Path, PathBuf};

use keyward_dotenv::Dialect;
use keyward_testing::Program;
use keyward_testing::doubles::{AzureKeyVault, Double, GcpSecrets, GitHubActions, Kubernetes, Receiver, VaultKv};

pub(crate) struct Places {
    vault: Double<VaultKv>,
    cluster: Double<Kubernetes>,
    actions: Double<GitHubActions>,
    azure: Double<AzureKeyVault>,
    google: Double<GcpSecrets>,
    edges: [Double<Receiver>; 2],
    /// Of each, under which name it is stored: what it is signed in to with.
    credentials: Vec<(&'static str, String)>,
}

/// How many there are.
pub(crate) const PLACES: usize = 10;

impl Places {
    pub(crate) fn start() -> Self {
        let (vault, kv) = VaultKv::new();
        let (cluster, pod) = Kubernetes::new();
        let (actions, deployer) = GitHubActions::new();
        let (azure, client) = AzureKeyVault::new();
        let (google, account) = GcpSecrets::new();
        let ((one, first), (other, second)) = (Receiver::new(), Receiver::new());
        Self {
            vault: Double::start(vault),
            cluster: Double::start(cluster),
            actions: Double::start(actions),
            azure: Double::start(azure),
            google: Double::start(google),
            edges: [Double::start(one), Double::start(other)],
            credentials: vec![
                ("VAULT_TOKEN", kv),
                ("CLUSTER_TOKEN", pod),
                ("GITHUB_DEPLOYER", deployer),
                ("AZURE_CLIENT", client),
                ("GOOGLE_ACCOUNT", account),
                ("EDGE_SIGNING", first),
                ("MOBILE_SIGNING", second),
            ],
        }
    }

    /// Which hosts are here.
    pub(crate) fn hosts(&self) -> String {
        [self.actions.hosts(), self.azure.hosts(), self.google.hosts()].join(",")
    }

    /// Stores what they are signed in to with.
    pub(crate) fn store(&self, program: &Program, at: &[&str]) {
        for (name, value) in &self.credentials {
            program.ok(&[&["set", name, "--kind", "password"], at].concat(), value.as_bytes());
        }
    }

    /// Says of a secret that it goes to all ten. Its files have it already; its folder is there.
    pub(crate) fn add(&self, program: &Program, secret: &str, folder: &Path, at: &[&str]) {
        let [web, jobs] = files(folder);
        let (web, jobs) = (web.to_str().unwrap(), jobs.to_str().unwrap());
        let (vault, cluster) = (self.vault.url(), self.cluster.url());
        let edges = self.edges.each_ref().map(Double::url);
        let batch = format!("batch/{secret}");
        let shop = format!("shop/{secret}");
        let object = secret.to_ascii_lowercase().replace('_', "-");
        let kv = ["--address", &vault, "--credential", "VAULT_TOKEN"];
        let each: [(&str, &str, Vec<&str>); PLACES] = [
            ("env-file", "web", vec!["--path", web]),
            ("env-file", "jobs", vec!["--path", jobs]),
            ("vault-kv", "api", [&kv[..], &["--path", &shop]].concat()),
            ("vault-kv", "batch", [&kv[..], &["--path", &batch]].concat()),
            (
                "kubernetes",
                "pods",
                vec![
                    "--address",
                    &cluster,
                    "--namespace",
                    "shop",
                    "--name",
                    &object,
                    "--restart",
                    "deployment/api",
                    "--credential",
                    "CLUSTER_TOKEN",
                ],
            ),
            ("github-actions", "ci", vec!["--repository", "shop/api", "--credential", "GITHUB_DEPLOYER"]),
            ("azure-kv", "azure", vec!["--vault", "shop", "--credential", "AZURE_CLIENT"]),
            ("gcp-sm", "google", vec!["--gcp-project", "shop-1", "--credential", "GOOGLE_ACCOUNT"]),
            ("webhook", "edge", vec!["--url", &edges[0], "--credential", "EDGE_SIGNING"]),
            ("webhook", "mobile", vec!["--url", &edges[1], "--credential", "MOBILE_SIGNING"]),
        ];
        for (kind, name, how) in each {
            program.ok(&[&["target", "add", kind, name, "--secret", secret], &how[..], at].concat(), b"");
        }
    }

    /// The value that lies at each place at this moment.
    pub(crate) fn values(&self, secret: &str, folder: &Path) -> [Option<String>; PLACES] {
        let [web, jobs] = files(folder).map(|file| what_is_read(&file, secret));
        let object = secret.to_ascii_lowercase().replace('_', "-");
        let at = |path: &str| self.vault.service().get(path, secret);
        let (api, batch) = (at(&format!("shop/{secret}")), at(&format!("batch/{secret}")));
        let [edge, mobile] = self.edges.each_ref().map(|edge| edge.service().taken.last().cloned());
        let pods = self.cluster.service().get(&object, secret);
        let ci = self.actions.service().get(secret);
        let azure = self.azure.service().get(&secret.replace('_', "-"));
        let google = self.google.service().get(secret);
        [web, jobs, api, batch, pods, ci, azure, google, edge, mobile]
    }
}

/// The files of two programs.
pub(crate) fn files(folder: &Path) -> [PathBuf; 2] {
    ["web.env", "jobs.env"].map(|name| folder.join(name))
}

/// What an application reads of its file.
pub(crate) fn what_is_read(file: &Path, secret: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    keyward_dotenv::parse(&text, Dialect::Node, &|_| None).ok()?.value(secret).map(str::to_owned)
}
