//! The closed lists of names in an entry: what was done, how it ended, by which way.
//!
//! Scripts and alerts match on these names, so a name is never changed or given a new meaning;
//! a new one is one line here.

use serde::{Deserialize, Serialize};

/// Declares an enum whose variants have fixed names in the log.
macro_rules! names {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[non_exhaustive]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$variant_doc])* #[serde(rename = $name)] $variant,)*
        }

        impl $type {
            /// Every name of the list.
            pub const ALL: &[$type] = &[$($type::$variant,)*];

            /// The name in the log.
            pub const fn as_str(self) -> &'static str {
                match self { $($type::$variant => $name,)* }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = crate::Error;

            fn from_str(name: &str) -> Result<$type, crate::Error> {
                let known = Self::ALL.iter().find(|known| known.as_str() == name);
                let unknown = || crate::Error::Entry(format!("`{name}` is not a known name"));
                known.copied().ok_or_else(unknown)
            }
        }
    };
}

names! {
    /// What was done, or asked for.
    Action {
        /// A vault was made.
        VaultInit = "vault.init",
        /// The root key was unwrapped through a slot.
        VaultUnlock = "vault.unlock",
        /// The vault was locked again.
        VaultLock = "vault.lock",
        /// A value was read: plaintext left keyward.
        SecretRead = "secret.read",
        /// A new version was written.
        SecretWrite = "secret.write",
        /// A version was marked as deleted.
        SecretDelete = "secret.delete",
        /// A deleted version was brought back.
        SecretUndelete = "secret.undelete",
        /// A version's value was shredded.
        SecretDestroy = "secret.destroy",
        /// The label `active` was moved to an older version.
        SecretRollback = "secret.rollback",
        /// Metadata was changed: owner, expiry, labels, tags.
        SecretEdit = "secret.edit",
        /// Stored values were compared with foreign bytes; none left keyward.
        SecretMatch = "secret.match",
        /// keyward applied the value itself, under a lease.
        SecretUse = "secret.use",
        /// Names and metadata were listed.
        SecretList = "secret.list",
        /// A value was handed to a child process.
        SecretRun = "secret.run",
        /// A value was written to a file or stream.
        SecretExport = "secret.export",
        /// Values that a client had kept were used without the server, as it says.
        SecretOffline = "secret.offline",
        /// A value was copied to another name or environment.
        SecretCopy = "secret.copy",
        /// Values were read from a file into the vault.
        SecretImport = "secret.import",
        /// A project was made.
        ProjectCreate = "project.create",
        /// A project was given another name.
        ProjectRename = "project.rename",
        /// The networks were set from which a project may be used.
        ProjectNetworks = "project.networks",
        /// A project was deleted with its keys.
        ProjectDelete = "project.delete",
        /// An environment was added.
        EnvironmentAdd = "environment.add",
        /// An environment was changed: its parent, its rules.
        EnvironmentEdit = "environment.edit",
        /// An environment was removed.
        EnvironmentRemove = "environment.remove",
        /// A recipient of the root key was added.
        SlotAdd = "slot.add",
        /// A recipient of the root key was removed.
        SlotRemove = "slot.remove",
        /// The root key was replaced.
        Rekey = "rekey",
        /// A project's data key was replaced and its values sealed anew.
        RekeyData = "rekey.data",
        /// A person's or service's private parts were made unreadable.
        SubjectErase = "subject.erase",
        /// A copy of the store was written.
        Backup = "backup",
        /// The store was made from a copy.
        Restore = "restore",
        /// A folder was bound to what it may receive.
        FolderTrust = "folder.trust",
        /// The binding of a folder was ended.
        FolderUntrust = "folder.untrust",
        /// A person's account was made.
        UserAdd = "user.add",
        /// An account was changed: its login.
        UserEdit = "user.edit",
        /// An account may do nothing any more, and its tokens are dead.
        UserDisable = "user.disable",
        /// An account may act again.
        UserEnable = "user.enable",
        /// A program's account was made.
        ServiceAccountAdd = "service-account.add",
        /// The vault is opened in another owner's name.
        OwnerHandOver = "owner.hand-over",
        /// A group was made.
        GroupCreate = "group.create",
        /// A group was deleted.
        GroupDelete = "group.delete",
        /// A group was given another name, or what its provider knows of it was changed.
        GroupEdit = "group.edit",
        /// Somebody was taken into a group.
        GroupJoin = "group.join",
        /// Somebody was taken out of a group.
        GroupLeave = "group.leave",
        /// A role was given.
        RoleGrant = "role.grant",
        /// A role was taken away.
        RoleRevoke = "role.revoke",
        /// A policy was written.
        PolicyPut = "policy.put",
        /// A policy was deleted.
        PolicyDelete = "policy.delete",
        /// A token was made.
        TokenCreate = "token.create",
        /// A token was revoked.
        TokenRevoke = "token.revoke",
        /// A token was used, or was to be used.
        TokenUse = "token.use",
        /// A virtual key was made.
        VirtualKeyCreate = "virtual-key.create",
        /// A narrower virtual key was made of one.
        VirtualKeyMint = "virtual-key.mint",
        /// A virtual key got another text; the old one serves for a while or not at all.
        VirtualKeyRotate = "virtual-key.rotate",
        /// A virtual key was revoked, with its children.
        VirtualKeyRevoke = "virtual-key.revoke",
        /// A virtual key that is a trap was shown to a gateway.
        VirtualKeyAlarm = "virtual-key.alarm",
        /// Virtual keys that died long ago were cleared away.
        VirtualKeySweep = "virtual-key.sweep",
        /// A gateway turned requests away.
        GatewayDeny = "gateway.deny",
        /// A gateway reserved a part of a budget, or gave back what it did not spend.
        BudgetReserve = "budget.reserve",
        /// Somebody asked for more rights.
        ElevateRequest = "elevate.request",
        /// A second person gave them.
        ElevateApprove = "elevate.approve",
        /// A second person refused them.
        ElevateDeny = "elevate.deny",
        /// Somebody took emergency rights.
        BreakGlass = "break-glass",
        /// Somebody signed in, or tried to.
        SignIn = "sign-in",
        /// So many tries failed that an account or a network has to wait for long.
        SignInLock = "sign-in.lock",
        /// Somebody signed out.
        SignOut = "sign-out",
        /// A session is in use still.
        SessionUse = "session.use",
        /// A session was ended, by another session or by a person who may.
        SessionEnd = "session.end",
        /// A password was chosen.
        PasswordSet = "password.set",
        /// An authenticator was shown to its owner and waits for its first code.
        SecondFactorBegin = "second-factor.begin",
        /// An authenticator is in force.
        SecondFactorAdd = "second-factor.add",
        /// An authenticator is in force no more.
        SecondFactorRemove = "second-factor.remove",
        /// Recovery codes were made, and the old ones are dead.
        RecoveryCodesRenew = "recovery-codes.renew",
        /// Somebody was asked for a new passkey.
        PasskeyBegin = "passkey.begin",
        /// A passkey signs its owner in from now on.
        PasskeyAdd = "passkey.add",
        /// Passkeys sign nobody in any more.
        PasskeyRemove = "passkey.remove",
        /// A link was made by which somebody chooses a password.
        InviteCreate = "invite.create",
        /// A device asks to be let in.
        DeviceBegin = "device.begin",
        /// A person lets a device in.
        DeviceApprove = "device.approve",
        /// A person does not let a device in.
        DeviceDeny = "device.deny",
        /// A provider was added at which people may sign in.
        IdentityProviderAdd = "identity-provider.add",
        /// Nobody signs in at a provider any more.
        IdentityProviderRemove = "identity-provider.remove",
        /// The secret that a provider knows us by was applied, to redeem a code.
        IdentityProviderUse = "identity-provider.use",
        /// Somebody proved himself once more, to make an identity at a provider his own.
        IdentityBegin = "identity.begin",
        /// An identity at a provider belongs to an account.
        IdentityLink = "identity.link",
        /// An identity at a provider belongs to an account no more.
        IdentityUnlink = "identity.unlink",
        /// A program may show what an issuer signed, for a token.
        TrustAdd = "trust.add",
        /// A program may do so no more.
        TrustRemove = "trust.remove",
        /// What is over at the door was cleared away: sessions, links, devices, counts of failures.
        SignInSweep = "sign-in.sweep",
        /// A place was added that alerts go to.
        AlertAdd = "alert.add",
        /// Alerts go to a place no more.
        AlertRemove = "alert.remove",
        /// Somebody tried whether alerts arrive: the place's credentials were applied once.
        AlertTest = "alert.test",
        /// keyward applies the credentials of the places that alerts go to, until it ends.
        AlertUse = "alert.use",
        /// It is on record how far the places that alerts go to have been told.
        AlertMark = "alert.mark",
        /// Secrets of an environment expire soon, or have expired.
        SecretExpiring = "secret.expiring",
        /// Somebody asked for a secret's successor.
        RotationBegin = "rotation.begin",
        /// A rotation went a step further; the private part says which.
        RotationStep = "rotation.step",
        /// A rotation waits for a person.
        RotationStuck = "rotation.stuck",
        /// A new value of a secret is overdue.
        RotationOverdue = "rotation.overdue",
        /// A person went on with a rotation, undid it, or lets it go on.
        RotationDecide = "rotation.decide",
        /// The label `active` was moved to the successor.
        SecretPromote = "secret.promote",
        /// A successor that is not wanted any more was put away.
        SecretDiscard = "secret.discard",
        /// A place was added that a secret's values are deployed to.
        TargetAdd = "target.add",
        /// A secret's values are deployed to a place no more.
        TargetRemove = "target.remove",
        /// It was set how and how often a secret is rotated.
        ScheduleSet = "schedule.set",
        /// A rule of when secrets are rotated is no more.
        ScheduleClear = "schedule.clear",
        /// Reads that the log tells of were counted in their rows.
        ReadsCount = "reads.count",
        /// A holding ended: its holder has the value no longer.
        HoldingClose = "holding.close",
        /// The tasks that somebody's leaving makes were put on record.
        OffboardingBegin = "offboarding.begin",
        /// Such a task was settled, or opened again.
        OffboardingSettle = "offboarding.settle",
        /// Somebody began to find his way in, or did a step of it.
        OnboardingUpdate = "onboarding.update",
        /// An access review began.
        ReviewStart = "review.start",
        /// A line of an access review was decided.
        ReviewDecide = "review.decide",
        /// An access review ended; what nobody had answered was taken away.
        ReviewClose = "review.close",
        /// What a review had taken away was given back.
        ReviewRestore = "review.restore",
        /// A scan reported what it found.
        FindingReport = "finding.report",
        /// Somebody decided on a finding.
        FindingResolve = "finding.resolve",
        /// The answer to a change was kept, for who asks for the same change again.
        RequestKeep = "request.keep",
        /// What was kept of requests was cleared away.
        RequestSweep = "request.sweep",
        /// A checkpoint was published outside the store.
        LogCheckpoint = "log.checkpoint",
        /// The log was exported.
        LogExport = "log.export",
        /// The log was verified.
        LogVerify = "log.verify",
        /// A person accepted a store that is older than an anchor, or of unknown incarnation.
        StoreAccept = "store.accept",
        /// The store was moved to another engine.
        StoreMigrate = "store.migrate",
        /// An epoch began; the entry carries the closed one's last checkpoint.
        EpochBegin = "epoch.begin",
        /// A closed epoch was dropped from the store.
        EpochDrop = "epoch.drop",
    }
}

impl Action {
    /// Whether an allowed entry of this action says that plaintext left keyward. These are the
    /// entries that the counters of reads count.
    pub const fn discloses(self) -> bool {
        matches!(self, Action::SecretRead | Action::SecretRun | Action::SecretExport | Action::SecretCopy)
    }
}

names! {
    /// How it ended.
    Outcome {
        /// It was permitted and done.
        Allowed = "allowed",
        /// The principal has no right to it.
        Denied = "denied",
        /// There is nothing of that name, or the principal may not know.
        NotFound = "not_found",
        /// It was permitted and could not be done.
        Failed = "failed",
    }
}

names! {
    /// The way by which a value left, or was applied.
    Via {
        /// `get`, or a read over the API.
        Read = "read",
        /// The environment or a private file of a child process.
        Run = "run",
        /// `export`.
        Export = "export",
        /// `copy`.
        Copy = "copy",
        /// An editor, for the time it was open.
        Edit = "edit",
        /// A deployment target.
        Target = "target",
        /// The gateway.
        Gateway = "gateway",
        /// Comparison of values: duplicates, weakness.
        Check = "check",
        /// Work of the system on its own account: rotation, re-sealing.
        System = "system",
    }
}
