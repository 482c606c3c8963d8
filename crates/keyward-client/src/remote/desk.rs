//! Every call of the desk, as requests.

use keyward_access::{Login, Network};
use keyward_types::{EnvironmentName, KnownSecret, ProjectName, SecretName, SlotId, Timestamp, Version};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::http::Method;
use zeroize::Zeroizing;

use super::RemoteDesk;
use super::answers::{self, Finding, Gone, Holdings, MadeKey, Opened, Page, Values, Writing, plain};
use super::path::{at, encoded, named, part};
use super::team;
use crate::access_wire::{
    AccountInfo, ElevationAsk, ElevationInfo, GrantInfo, GroupInfo, MadeInvite, MadeToken, NewTokenInfo, PolicyInfo,
    QuestionInfo, RoleBindingInfo, TokenInfo, VerdictInfo,
};
use crate::alert_wire::{AlertSinkInfo, AlertTestInfo, MadeAlertSink, NewAlertSinkInfo};
use crate::identity_wire::{IdentityInfo, IdentityProviderInfo, NewIdentityProviderInfo, NewTrustInfo, TrustInfo};
use crate::rotation_wire::{
    DriftInfo, DueEntry, KillFirstInfo, NewTargetInfo, RotateAsk, RotationInfo, RotationPreview, TargetInfo, Wish,
};
use crate::team_wire::{
    Confirmed, Decision, OffboardingInfo, OnboardingInfo, ReviewInfo, ReviewLineInfo, Settlement, TaskName, TaskState,
};
use crate::verdicts::{KeyQuestion, KeyVerdict};
use crate::virtual_key_wire::{
    MadeVirtualKey, NewChildKeyInfo, NewVirtualKeyInfo, UsageInfo, VirtualKeyDetail, VirtualKeyInfo,
};
use crate::wire::{
    BindingInfo, Detail, Disclosed, EditInfo, EnvironmentInfo, LineInfo, LogLineInfo, NamedVersion, NewSecret,
    NewSlotInfo, OfflineUse, ProjectInfo, Purpose, SecretInfo, Selection, SlotInfo, Status, Stored, Verdict, Where,
};
use crate::{
    Bytes, Code, Desk, Failure, FindingInfo, FindingReport, FindingState, Result, ScheduleAbout, ScheduleInfo,
    ScheduleRule,
};

/// Most items of one request, as the API has it.
const MOST: usize = 1000;
/// Names of one request for values: their path stays within what proxies let through.
const NAMES: usize = 50;
/// Bytes of values of one request: with base64 and names below a server's limit of a body.
const WEIGHT: usize = 512 << 10;

impl RemoteDesk {
    /// Every item of a list, page by page.
    fn all<T: DeserializeOwned>(&self, path: &str, noun: &str) -> Result<Vec<T>> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut next = None::<String>;
        loop {
            let cursor = next.as_deref().map(|next| format!("&cursor={}", encoded(next))).unwrap_or_default();
            let mut page: Page = self.http.get(&format!("{path}{joint}limit={MOST}{cursor}"))?;
            items.append(&mut page.items(noun)?);
            next = page.next;
            if next.is_none() {
                return Ok(items);
            }
        }
    }

    /// Values, and the server's clock where they came as a batch.
    fn read_there(
        &self,
        place: &Where,
        selection: &Selection,
        purpose: Purpose,
    ) -> Result<(Vec<Disclosed>, Option<Timestamp>)> {
        let purpose = plain(&purpose)?;
        let purpose = purpose.as_str().unwrap_or("read");
        let keeps = if self.offline.is_some() { "&offline=true" } else { "" };
        let (mut opened, mut now) = (Vec::new(), None);
        let mut take = |values: Values| {
            opened.extend(values.values);
            // Of several the last: nothing is kept longer than the server said.
            now = values.now.max(now);
        };
        match selection {
            Selection::All => take(self.http.get(&at(place, &format!("values?purpose={purpose}{keeps}")))?),
            Selection::Names(names) => {
                for some in names.chunks(NAMES) {
                    let some: Vec<String> = some.iter().map(|name| encoded(name.as_str())).collect();
                    let path = at(place, &format!("values?purpose={purpose}{keeps}&names={}", some.join(",")));
                    take(self.http.get(&path)?);
                }
            }
            Selection::Version(name, version) => {
                let path = format!("{}?version={version}&purpose={purpose}", named(place, "values", name));
                opened.push(self.http.get::<Opened>(&path)?);
            }
        }
        Ok((opened.into_iter().map(Disclosed::from).collect(), now))
    }

    fn versions(&self, at: &Where, action: &str, name: &SecretName, version: Version) -> Result<SecretInfo> {
        self.http.send(Method::POST, &named(at, action, name), &json!({ "version": version }))
    }

    /// What is done where the vault lies.
    fn there<T>(&self, what: &str) -> Result<T> {
        Err(Failure::usage(format!("{what} only where the vault lies, and this is at `{}`", self.http.url()))
            .hint("run the command on that machine, or with `--local` for the vault on this one"))
    }
}

impl Desk for RemoteDesk {
    fn status(&self) -> Result<Status> {
        self.http.get("/whoami")
    }

    fn projects(&self) -> Result<Vec<ProjectInfo>> {
        self.all("/projects", "projects")
    }

    fn project(&self, name: ProjectName) -> Result<ProjectInfo> {
        self.http.get(&format!("/projects/{name}"))
    }

    fn create_project(&self, name: ProjectName, environments: Vec<EnvironmentName>) -> Result<ProjectInfo> {
        self.http.send(Method::POST, "/projects", &json!({ "name": name, "environments": environments }))
    }

    fn rename_project(&self, from: ProjectName, to: ProjectName) -> Result<ProjectInfo> {
        self.http.send(Method::PATCH, &format!("/projects/{from}"), &json!({ "name": to }))
    }

    fn limit_project(&self, name: ProjectName, networks: Vec<Network>, force: bool) -> Result<ProjectInfo> {
        let body = json!({ "networks": networks, "force": force });
        self.http.send(Method::PATCH, &format!("/projects/{name}"), &body)
    }

    fn delete_project(&self, name: ProjectName) -> Result<u64> {
        Ok(self.http.act::<Gone>(Method::DELETE, &format!("/projects/{name}"))?.secrets)
    }

    fn add_environment(
        &self,
        project: ProjectName,
        name: EnvironmentName,
        parent: Option<EnvironmentName>,
    ) -> Result<EnvironmentInfo> {
        let path = format!("/projects/{project}/environments");
        self.http.send(Method::POST, &path, &json!({ "name": name, "parent": parent }))
    }

    fn keep_offline(&self, at: Where, seconds: Option<u32>) -> Result<EnvironmentInfo> {
        let path = format!("/projects/{}/environments/{}", at.project, at.environment);
        self.http.send(Method::PATCH, &path, &json!({ "offline_seconds": seconds }))
    }

    fn report_offline(&self, uses: Vec<OfflineUse>) -> Result<()> {
        let line = |one: &OfflineUse| {
            json!({
                "project": one.at.project, "environment": one.at.environment, "purpose": one.purpose,
                "count": one.count, "first": one.first.to_string(), "last": one.last.to_string(),
            })
        };
        let uses: Vec<Value> = uses.iter().map(line).collect();
        self.http.send::<Value>(Method::POST, "/offline-uses", &json!({ "uses": uses })).map(drop)
    }

    fn remove_environment(&self, at: Where, with_secrets: bool) -> Result<u64> {
        let Where { project, environment } = at;
        let path = format!("/projects/{project}/environments/{environment}?with_secrets={with_secrets}");
        Ok(self.http.act::<Gone>(Method::DELETE, &path)?.secrets)
    }

    fn write(&self, place: Where, secrets: Vec<NewSecret>) -> Result<Vec<Stored>> {
        #[derive(Deserialize)]
        struct Written {
            stored: Vec<Stored>,
        }
        let writing = secrets.iter().map(|secret| {
            let metadata = answers::metadata(&secret.edit)?;
            Ok(Writing { name: &secret.name, value_base64: &secret.value, metadata })
        });
        #[derive(serde::Serialize)]
        struct Batch<'a> {
            secrets: Vec<Writing<'a>>,
        }
        let batch = Batch { secrets: writing.collect::<Result<_>>()? };
        Ok(self.http.send::<Written>(Method::POST, &at(&place, "secrets"), &batch)?.stored)
    }

    fn edit(&self, at: Where, name: SecretName, edit: EditInfo) -> Result<SecretInfo> {
        self.http.send(Method::PATCH, &named(&at, "secrets", &name), &answers::metadata(&edit)?)
    }

    fn read(&self, place: Where, selection: Selection, purpose: Purpose) -> Result<Vec<Disclosed>> {
        let there = self.read_there(&place, &selection, purpose);
        let Some(offline) = &self.offline else { return there.map(|(read, _)| read) };
        match there {
            Ok((mut read, now)) => {
                if matches!(selection, Selection::All) {
                    let named = |one: &Disclosed| NamedVersion { name: one.name.clone(), version: one.version };
                    offline.saw(&place, &read.iter().map(named).collect::<Vec<_>>());
                }
                if let Some(now) = now {
                    let report = |uses: &[OfflineUse]| self.report_offline(uses.to_vec()).is_ok();
                    offline.keep(&place, &mut read, now, report);
                }
                Ok(read)
            }
            Err(failure) if self.http.was_unreached() => offline.read_instead(&place, &selection, purpose, failure),
            Err(failure) => {
                offline.refused(&place, &selection, &failure);
                Err(failure)
            }
        }
    }

    fn list(&self, place: Where) -> Result<Vec<SecretInfo>> {
        self.all(&at(&place, "secrets?deleted=true"), "secrets")
    }

    fn lines(&self, place: Where) -> Result<Vec<LineInfo>> {
        let secrets: Vec<SecretInfo> = self.all(&at(&place, "secrets"), "secrets")?;
        let line = |secret: SecretInfo| {
            Some(LineInfo {
                version: secret.version?,
                name: secret.name,
                kind: secret.kind,
                written: secret.created_at,
                expires_at: secret.expires_at,
                provider: secret.provider,
            })
        };
        Ok(secrets.into_iter().filter_map(line).collect())
    }

    fn names(&self, place: Where) -> Result<Vec<NamedVersion>> {
        let there = self.all(&at(&place, "names"), "names");
        let Some(offline) = &self.offline else { return there };
        match there {
            Ok(names) => {
                offline.saw(&place, &names);
                Ok(names)
            }
            Err(failure) if self.http.was_unreached() => offline.names_instead(&place, failure),
            Err(failure) => {
                offline.refused(&place, &Selection::All, &failure);
                Err(failure)
            }
        }
    }

    fn show(&self, at: Where, name: SecretName) -> Result<Detail> {
        let secret = self.http.get(&named(&at, "secrets", &name))?;
        let Holdings { holdings, reads, uses, same_as } = self.http.get(&named(&at, "holdings", &name))?;
        Ok(Detail { secret, same_as, holdings, reads, uses })
    }

    fn delete(&self, at: Where, name: SecretName) -> Result<SecretInfo> {
        self.http.act(Method::DELETE, &named(&at, "secrets", &name))
    }

    fn undelete(&self, at: Where, name: SecretName) -> Result<SecretInfo> {
        self.http.act(Method::POST, &named(&at, "undelete", &name))
    }

    fn verify_key(&self, at: Where, name: SecretName, question: KeyQuestion) -> Result<KeyVerdict> {
        self.http.send(Method::POST, &named(&at, "verify", &name), &question)
    }

    fn rollback(&self, at: Where, name: SecretName, version: Version) -> Result<SecretInfo> {
        self.versions(&at, "rollback", &name, version)
    }

    fn destroy(&self, at: Where, name: SecretName, version: Version) -> Result<SecretInfo> {
        self.versions(&at, "destroy", &name, version)
    }

    fn close_holdings(&self, ids: Vec<String>) -> Result<u64> {
        #[derive(Deserialize)]
        struct Closed {
            closed: u64,
        }
        let mut closed = 0;
        for some in ids.chunks(MOST) {
            closed += self.http.send::<Closed>(Method::POST, "/holdings/close", &json!({ "ids": some }))?.closed;
        }
        Ok(closed)
    }

    fn trust(&self, path: String, origin: Option<String>, project: ProjectName) -> Result<BindingInfo> {
        let _there: ProjectInfo = self.http.get(&format!("/projects/{project}"))?;
        self.folders.bind(&path, origin, project, self.http.url())
    }

    fn untrust(&self, path: String) -> Result<bool> {
        self.folders.unbind(&path)
    }

    fn binding(&self, path: String) -> Result<Option<BindingInfo>> {
        self.folders.binding(&path, self.http.url())
    }

    fn add_slot(&self, _slot: NewSlotInfo, _label: String) -> Result<SlotInfo> {
        self.there("ways into a vault are added")
    }

    fn remove_slot(&self, _id: SlotId) -> Result<SlotInfo> {
        self.there("ways into a vault are removed")
    }

    fn rekey(&self) -> Result<u32> {
        self.there("a vault gets a new root key")
    }

    fn rekey_data(&self, _project: ProjectName) -> Result<(u32, u64)> {
        self.there("a project gets a new key")
    }

    fn accept(&self) -> Result<()> {
        self.there("safe mode is ended")
    }

    fn backup(&self, _path: String) -> Result<u64> {
        self.there("a backup is written")
    }

    fn match_bundle(&self) -> Result<Bytes> {
        Ok(Bytes::new(self.http.bytes("/match/bundle")?.to_vec()))
    }

    fn identify(&self, values: Vec<Bytes>) -> Result<Vec<Option<KnownSecret>>> {
        #[derive(serde::Serialize)]
        struct Candidate<'a> {
            value_base64: &'a Bytes,
        }
        #[derive(serde::Serialize)]
        struct Candidates<'a> {
            candidates: Vec<Candidate<'a>>,
        }
        #[derive(Deserialize)]
        struct Matches {
            matches: Vec<Option<KnownSecret>>,
        }
        let mut found = Vec::with_capacity(values.len());
        let mut rest = values.as_slice();
        while !rest.is_empty() {
            let (some, others) = rest.split_at(loaded(rest));
            let candidates = some.iter().map(|value_base64| Candidate { value_base64 }).collect();
            let asked = Candidates { candidates };
            found.append(&mut self.http.send::<Matches>(Method::POST, "/match/candidates", &asked)?.matches);
            rest = others;
        }
        Ok(found)
    }

    fn scan_key(&self) -> Result<Bytes> {
        self.there("what a scan has seen is kept")
    }

    fn report_findings(&self, reports: Vec<FindingReport>) -> Result<Vec<FindingInfo>> {
        let mut kept = Vec::with_capacity(reports.len());
        for of_source in reports.chunk_by(|a, b| a.source == b.source) {
            for some in of_source.chunks(MOST) {
                let findings: Vec<Value> = some.iter().map(answers::found).collect();
                let report = json!({ "source": some[0].source, "findings": findings });
                let mut page: Page = self.http.send(Method::POST, "/findings", &report)?;
                kept.extend(page.items::<Finding>("findings")?.into_iter().map(FindingInfo::from));
            }
        }
        Ok(kept)
    }

    fn findings(&self) -> Result<Vec<FindingInfo>> {
        let mut found: Vec<FindingInfo> =
            self.all::<Finding>("/findings", "findings")?.into_iter().map(FindingInfo::from).collect();
        // The order of the desk; pages come in that of ids.
        found.sort_by(|a, b| b.last_seen.cmp(&a.last_seen).then_with(|| a.id.cmp(&b.id)));
        Ok(found)
    }

    fn resolve_finding(&self, id: String, state: FindingState, note: Option<String>) -> Result<FindingInfo> {
        let path = format!("/findings/{}", part("finding", &id)?);
        Ok(self.http.send::<Finding>(Method::PATCH, &path, &json!({ "state": state, "note": note }))?.into())
    }

    fn log(&self, first: u64, limit: u64) -> Result<Vec<LogLineInfo>> {
        let mut lines = Vec::new();
        let (mut next, mut left) = (first, limit);
        while left > 0 {
            let some = left.min(MOST as u64);
            let mut page: Page = self.http.get(&format!("/audit?cursor={next}&limit={some}"))?;
            lines.append(&mut page.items("entries")?);
            let Some(after) = page.next else { break };
            next = after.parse().map_err(|_| Failure::internal("the server's log has a cursor that is no number"))?;
            left -= some;
        }
        Ok(lines)
    }

    fn verify(&self, against: Option<String>) -> Result<Verdict> {
        self.http.send(Method::POST, "/audit/verify", &json!({ "against": against }))
    }

    fn checkpoint(&self) -> Result<String> {
        #[derive(Deserialize)]
        struct Checkpoint {
            checkpoint: String,
        }
        Ok(self.http.get::<Checkpoint>("/audit/checkpoint")?.checkpoint)
    }

    fn prove(&self, index: u64) -> Result<String> {
        #[derive(Deserialize)]
        struct Proof {
            proof: String,
        }
        Ok(self.http.get::<Proof>(&format!("/audit/proof/{index}"))?.proof)
    }

    fn export_log(&self, _format: String, _folder: String) -> Result<u64> {
        self.there("a whole log is exported")
    }

    fn accounts(&self) -> Result<Vec<AccountInfo>> {
        self.all("/accounts", "accounts")
    }

    fn add_user(&self, login: Login, name: String) -> Result<AccountInfo> {
        self.http.send(Method::POST, "/users", &json!({ "login": login, "name": name }))
    }

    fn add_service_account(&self, login: Login, name: String, owner: Option<Login>) -> Result<AccountInfo> {
        self.http.send(Method::POST, "/service-accounts", &json!({ "login": login, "name": name, "owner": owner }))
    }

    fn disable_account(&self, login: Login) -> Result<AccountInfo> {
        self.http.act(Method::POST, &format!("/accounts/{login}/disable"))
    }

    fn enable_account(&self, login: Login) -> Result<AccountInfo> {
        self.http.act(Method::POST, &format!("/accounts/{login}/enable"))
    }

    fn hand_over(&self, login: Login) -> Result<()> {
        self.http.act::<Value>(Method::POST, &format!("/accounts/{login}/hand-over")).map(drop)
    }

    fn invite(&self, login: Login, without_second_factor: bool) -> Result<MadeInvite> {
        #[derive(Deserialize)]
        struct Link {
            link: String,
            login: Login,
            expires_at: Timestamp,
        }
        let asked = json!({ "login": login, "without_second_factor": without_second_factor });
        let Link { link, login, expires_at } = self.http.send(Method::POST, "/auth/links", &asked)?;
        let link = Zeroizing::new(link);
        // The server's own address stands before it, which this desk knows.
        let text = link.split_once("#link=").map_or(link.as_str(), |(_, text)| text);
        let text = Bytes::new(text.as_bytes().to_vec());
        Ok(MadeInvite { text, login, expires_at, without_second_factor })
    }

    fn reset_passkeys(&self, login: Login) -> Result<u64> {
        #[derive(Deserialize)]
        struct Removed {
            removed: u64,
        }
        let Removed { removed } = self.http.act(Method::DELETE, &format!("/accounts/{login}/passkeys"))?;
        Ok(removed)
    }

    fn groups(&self) -> Result<Vec<GroupInfo>> {
        self.all("/groups", "groups")
    }

    fn create_group(&self, name: Login) -> Result<GroupInfo> {
        self.http.send(Method::POST, "/groups", &json!({ "name": name }))
    }

    fn delete_group(&self, name: Login) -> Result<GroupInfo> {
        self.http.act(Method::DELETE, &format!("/groups/{name}"))
    }

    fn join_group(&self, name: Login, member: Login) -> Result<GroupInfo> {
        self.http.act(Method::PUT, &format!("/groups/{name}/members/{member}"))
    }

    fn leave_group(&self, name: Login, member: Login) -> Result<GroupInfo> {
        self.http.act(Method::DELETE, &format!("/groups/{name}/members/{member}"))
    }

    fn role_bindings(&self) -> Result<Vec<RoleBindingInfo>> {
        self.all("/role-bindings", "role_bindings")
    }

    fn grant_role(&self, grant: GrantInfo) -> Result<RoleBindingInfo> {
        self.http.send(Method::POST, "/role-bindings", &answers::grant(&grant))
    }

    fn revoke_role(&self, id: String) -> Result<RoleBindingInfo> {
        self.http.act(Method::DELETE, &format!("/role-bindings/{}", part("role binding", &id)?))
    }

    fn policies(&self) -> Result<Vec<PolicyInfo>> {
        self.all("/policies", "policies")
    }

    fn put_policy(&self, name: Login, text: String, enabled: bool) -> Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Written {
            warnings: Vec<String>,
        }
        let policy = json!({ "text": text, "enabled": enabled });
        Ok(self.http.send::<Written>(Method::PUT, &format!("/policies/{name}"), &policy)?.warnings)
    }

    fn delete_policy(&self, name: Login) -> Result<PolicyInfo> {
        self.http.act(Method::DELETE, &format!("/policies/{name}"))
    }

    fn test_policy(&self, question: QuestionInfo) -> Result<VerdictInfo> {
        self.http.send(Method::POST, "/policy-test", &question)
    }

    fn tokens(&self) -> Result<Vec<TokenInfo>> {
        self.all("/tokens", "tokens")
    }

    fn create_token(&self, new: NewTokenInfo) -> Result<MadeToken> {
        #[derive(Deserialize)]
        struct Made {
            text: String,
            token: TokenInfo,
        }
        let made: Made = self.http.send(Method::POST, "/tokens", &answers::new_token(&new)?)?;
        Ok(MadeToken { text: Bytes::new(made.text.into_bytes()), token: made.token })
    }

    fn revoke_token(&self, id: String) -> Result<TokenInfo> {
        self.http.act(Method::DELETE, &format!("/tokens/{}", part("token", &id)?))
    }

    fn virtual_keys(&self) -> Result<Vec<VirtualKeyInfo>> {
        self.all("/virtual-keys", "virtual_keys")
    }

    fn virtual_key(&self, id: String) -> Result<VirtualKeyDetail> {
        self.http.get(&format!("/virtual-keys/{}", part("virtual key", &id)?))
    }

    fn create_virtual_key(&self, place: Where, new: NewVirtualKeyInfo) -> Result<MadeVirtualKey> {
        let body = answers::new_virtual_key(&new)?;
        Ok(self.http.send::<MadeKey>(Method::POST, &at(&place, "virtual-keys"), &body)?.into())
    }

    fn rotate_virtual_key(&self, id: String, grace_seconds: u32) -> Result<MadeVirtualKey> {
        let path = format!("/virtual-keys/{}/rotate", part("virtual key", &id)?);
        let body = json!({ "grace_seconds": grace_seconds });
        Ok(self.http.send::<MadeKey>(Method::POST, &path, &body)?.into())
    }

    fn mint_virtual_key(&self, id: String, new: NewChildKeyInfo) -> Result<MadeVirtualKey> {
        let path = format!("/virtual-keys/{}/children", part("virtual key", &id)?);
        Ok(self.http.send::<MadeKey>(Method::POST, &path, &new)?.into())
    }

    fn revoke_virtual_key(&self, id: String) -> Result<VirtualKeyInfo> {
        self.http.act(Method::DELETE, &format!("/virtual-keys/{}", part("virtual key", &id)?))
    }

    fn usage(&self, from: Timestamp, to: Timestamp) -> Result<Vec<UsageInfo>> {
        let (from, to) = (from.to_string(), to.to_string());
        self.all(&format!("/usage?from={}&to={}", encoded(&from), encoded(&to)), "usage")
    }

    fn elevations(&self) -> Result<Vec<ElevationInfo>> {
        self.all("/elevations", "elevations")
    }

    fn request_elevation(&self, ask: ElevationAsk) -> Result<ElevationInfo> {
        self.http.send(Method::POST, "/elevations", &ask)
    }

    fn approve_elevation(&self, id: String) -> Result<ElevationInfo> {
        self.http.act(Method::POST, &format!("/elevations/{}/approve", part("request", &id)?))
    }

    fn deny_elevation(&self, id: String) -> Result<ElevationInfo> {
        self.http.act(Method::POST, &format!("/elevations/{}/deny", part("request", &id)?))
    }

    fn break_glass(&self, ask: ElevationAsk) -> Result<ElevationInfo> {
        self.http.send(Method::POST, "/break-glass", &ask)
    }

    fn offboarding_plan(&self, login: Login) -> Result<OffboardingInfo> {
        self.http.get(&format!("/offboardings/{login}"))
    }

    fn offboard(&self, login: Login) -> Result<OffboardingInfo> {
        self.http.send(Method::POST, "/offboardings", &json!({ "login": login }))
    }

    fn settle_task(&self, login: Login, task: TaskName, settlement: Settlement) -> Result<TaskState> {
        let path = format!("/offboardings/{login}/settle");
        self.http.send::<team::State>(Method::POST, &path, &team::settled(&task, &settlement))?.known()
    }

    fn onboard(&self, login: Login, template: String, project: Option<ProjectName>) -> Result<OnboardingInfo> {
        let newcomer = json!({ "login": login, "template": template, "project": project });
        self.http.send(Method::POST, "/onboardings", &newcomer)
    }

    fn onboarding(&self, login: Login) -> Result<OnboardingInfo> {
        self.http.get(&format!("/onboardings/{login}"))
    }

    fn confirm_onboarding(&self, login: Login, said: Confirmed) -> Result<OnboardingInfo> {
        self.http.send(Method::POST, &format!("/onboardings/{login}/confirm"), &json!({ "said": said }))
    }

    fn start_review(&self, days: u32) -> Result<ReviewInfo> {
        self.http.send(Method::POST, "/reviews", &json!({ "days": days }))
    }

    fn review(&self, id: Option<String>) -> Result<ReviewInfo> {
        self.http.get(&format!("/reviews/{}", part("review", id.as_deref().unwrap_or("newest"))?))
    }

    fn decide_review_line(&self, number: u32, decision: Decision) -> Result<ReviewLineInfo> {
        self.http.send(Method::POST, &format!("/reviews/newest/lines/{number}/decide"), &team::decided(&decision))
    }

    fn restore_review_line(&self, id: Option<String>, number: u32) -> Result<ReviewLineInfo> {
        let id = part("review", id.as_deref().unwrap_or("newest"))?;
        self.http.act(Method::POST, &format!("/reviews/{id}/lines/{number}/restore"))
    }

    fn close_due_reviews(&self) -> Result<u64> {
        #[derive(Deserialize)]
        struct Closed {
            removed: u64,
        }
        Ok(self.http.act::<Closed>(Method::POST, "/reviews/close-due")?.removed)
    }

    fn rotation_preview(&self, place: Where, name: SecretName, ask: RotateAsk) -> Result<RotationPreview> {
        let query: Vec<String> = asked(&ask)
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| {
                let text = match value {
                    Value::Null => return None,
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                Some(format!("{name}={}", encoded(&text)))
            })
            .collect();
        self.http.get(&format!("{}?{}", named(&place, "rotation-previews", &name), query.join("&")))
    }

    fn rotate(&self, place: Where, name: SecretName, ask: RotateAsk) -> Result<RotationInfo> {
        self.http.send(Method::POST, &named(&place, "rotations", &name), &asked(&ask))
    }

    fn bring_rotation(&self, place: Where, name: SecretName, value: Bytes) -> Result<RotationInfo> {
        let body = match std::str::from_utf8(value.expose()) {
            Ok(text) => json!({ "value": text }),
            Err(_) => return Err(Failure::usage("a key is text, and this is none")),
        };
        self.http.send(Method::POST, &named(&place, "rotation-successors", &name), &body)
    }

    fn rotations(&self, place: Where, all: bool) -> Result<Vec<RotationInfo>> {
        self.http.get::<Page>(&at(&place, &format!("rotations?all={all}")))?.items("rotations")
    }

    fn rotation(&self, place: Where, name: SecretName) -> Result<RotationInfo> {
        self.http.get(&named(&place, "rotations", &name))
    }

    fn decide_rotation(&self, place: Where, name: SecretName, wish: Wish) -> Result<RotationInfo> {
        self.http.send(Method::POST, &named(&place, "rotation-decisions", &name), &json!({ "decision": wish }))
    }

    fn kill_first(&self, place: Where, name: SecretName) -> Result<KillFirstInfo> {
        self.http.get(&named(&place, "rotation-policies", &name))
    }

    fn allow_kill_first(&self, place: Where, name: SecretName, allowed: bool) -> Result<KillFirstInfo> {
        self.http.send(Method::PUT, &named(&place, "rotation-policies", &name), &json!({ "kill_first": allowed }))
    }

    fn targets(&self, place: Where) -> Result<Vec<TargetInfo>> {
        self.http.get::<Page>(&at(&place, "targets"))?.items("targets")
    }

    /// Files and programs are those of the server's machine: who names them sits at it.
    fn add_target(&self, _place: Where, _new: NewTargetInfo) -> Result<Vec<TargetInfo>> {
        Err(Failure::new(Code::Denied, "files and programs of a server are named on its own machine alone")
            .hint("run `keyward target add` there, in the account that the server runs in"))
    }

    fn remove_target(&self, place: Where, secret: SecretName, name: Login) -> Result<TargetInfo> {
        let path = named(&place, "targets", &secret);
        self.http.act(Method::DELETE, &format!("{path}?target={}", encoded(name.as_str())))
    }

    fn target_drift(&self, place: Where) -> Result<Vec<DriftInfo>> {
        self.http.get::<Page>(&at(&place, "target-drift"))?.items("target_drift")
    }

    fn schedules(&self, place: Where) -> Result<Vec<ScheduleInfo>> {
        self.http.get::<Page>(&at(&place, "schedules"))?.items("schedules")
    }

    fn set_schedule(&self, place: Where, about: ScheduleAbout, rule: ScheduleRule) -> Result<ScheduleInfo> {
        let body = json!({ "secret": about.secret, "kind": about.kind, "rule": rule });
        self.http.send(Method::PUT, &at(&place, "schedules"), &body)
    }

    fn clear_schedule(&self, place: Where, about: ScheduleAbout) -> Result<ScheduleInfo> {
        let query: Vec<String> = [
            about.secret.map(|secret| format!("secret={}", encoded(secret.as_str()))),
            about.kind.map(|kind| format!("kind={}", encoded(&kind.to_string()))),
        ]
        .into_iter()
        .flatten()
        .collect();
        self.http.act(Method::DELETE, &at(&place, &format!("schedules?{}", query.join("&"))))
    }

    fn calendar(&self, place: Where) -> Result<Vec<DueEntry>> {
        self.http.get::<Page>(&at(&place, "calendar"))?.items("calendar")
    }

    fn alert_sinks(&self) -> Result<Vec<AlertSinkInfo>> {
        self.http.get::<Page>("/alert-sinks")?.items("alert_sinks")
    }

    fn add_alert_sink(&self, new: NewAlertSinkInfo) -> Result<MadeAlertSink> {
        Ok(self.http.send::<team::Made>(Method::POST, "/alert-sinks", &team::NewSink::of(&new)?)?.into())
    }

    fn test_alert_sink(&self, name: Login) -> Result<AlertTestInfo> {
        Ok(self.http.act::<team::Tried>(Method::POST, &format!("/alert-sinks/{name}/test"))?.into())
    }

    fn remove_alert_sink(&self, name: Login) -> Result<AlertSinkInfo> {
        self.http.act(Method::DELETE, &format!("/alert-sinks/{name}"))
    }

    fn identity_providers(&self) -> Result<Vec<IdentityProviderInfo>> {
        self.http.get::<Page>("/identity-providers")?.items("identity_providers")
    }

    fn add_identity_provider(&self, new: NewIdentityProviderInfo) -> Result<IdentityProviderInfo> {
        self.http.send(Method::POST, "/identity-providers", &team::NewProvider::of(&new)?)
    }

    fn remove_identity_provider(&self, name: Login) -> Result<IdentityProviderInfo> {
        self.http.act(Method::DELETE, &format!("/identity-providers/{name}"))
    }

    fn identities(&self, login: Login) -> Result<Vec<IdentityInfo>> {
        self.http.get::<Page>(&format!("/accounts/{login}/identities"))?.items("identities")
    }

    fn unlink_identity(&self, login: Login, id: String) -> Result<IdentityInfo> {
        self.http.act(Method::DELETE, &format!("/accounts/{login}/identities/{}", part("identity", &id)?))
    }

    fn trusts(&self, login: Login) -> Result<Vec<TrustInfo>> {
        self.http.get::<Page>(&format!("/service-accounts/{login}/trusts"))?.items("trusts")
    }

    fn add_trust(&self, login: Login, new: NewTrustInfo) -> Result<TrustInfo> {
        self.http.send(Method::POST, &format!("/service-accounts/{login}/trusts"), &new)
    }

    fn remove_trust(&self, login: Login, id: String) -> Result<TrustInfo> {
        self.http.act(Method::DELETE, &format!("/service-accounts/{login}/trusts/{}", part("trust", &id)?))
    }
}

/// How many of these values one request takes, at least one.
fn loaded(values: &[Bytes]) -> usize {
    let mut weight = 0;
    let fit = values.iter().take(MOST).take_while(|value| {
        weight += value.expose().len() + 64;
        weight <= WEIGHT
    });
    fit.count().max(1)
}

/// How a successor is asked for, as the API has it.
fn asked(ask: &RotateAsk) -> Value {
    let postgres = ask.postgres.as_ref();
    let [role, other_role] = [0, 1].map(|i| postgres.map(|postgres| postgres.roles[i].clone()));
    let service = ask.service.as_ref();
    let admin = postgres.map(|postgres| &postgres.admin).or(service.and_then(|service| service.admin.as_ref()));
    let account = service.map(|service| {
        let parts: Vec<String> = service.account.iter().map(|(name, value)| format!("{name}={value}")).collect();
        parts.join(";")
    });
    json!({
        "generate": ask.generate, "emergency": ask.emergency, "role": role, "other_role": other_role,
        "admin": admin, "account": account, "revoke": ask.revoke, "version": ask.version,
        "narrow": ask.narrow,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_takes_what_fits_into_it() {
        let values = |n: usize, size: usize| vec![Bytes::new(vec![b'v'; size]); n];
        assert_eq!(loaded(&values(3, 10)), 3);
        assert_eq!(loaded(&values(5000, 10)), MOST);
        assert_eq!(loaded(&values(20, 64 << 10)), 7);
        assert_eq!(loaded(&values(1, 2 << 20)), 1, "what is too large is told by the server");
    }
}
