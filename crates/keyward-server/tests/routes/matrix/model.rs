//! Who may do what, as `docs/access.md` tells people: a table of roles, and where each reaches.

use super::cast::{Actor, Reach, Role};

/// What a route needs of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// A token that is valid: it shows what its holder may see, or works on what is his.
    Nothing,
    /// To do this in the environment that is named.
    Environment(Op),
    /// To do this in the project that is named.
    Project(Op),
    /// To do this in the project, to an environment of it.
    ProjectAt(Op),
    /// To do this to the vault itself.
    Vault(Op),
    /// To know of the project that is named: without that, it is not there.
    Sight,
    /// To recognise something somewhere.
    Recognition,
    /// To look after one's own account.
    Own,
    /// To be an owner.
    Ownership,
    /// A token of somebody else's, of which only who oversees the vault knows.
    ForeignToken,
    /// A virtual key of a program that somebody else answers for: who oversees the vault may see it.
    ForeignSight,
    /// The same to be replaced, which gives the key to whoever does it.
    ForeignKey,
    /// To be the one who owns it, or answers for that: nobody else knows of it.
    Stranger,
    /// To use the secret in the environment that is named, and to look after one's own account.
    OwnKey,
    /// To do this in the foreign project, where what is named lies.
    Foreign(Op),
    /// Nobody in particular: what is right is told by what the body holds.
    Guest,
    /// A session of the person himself, which no token is.
    Session,
    /// To work in the project that is named.
    Work,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Read,
    Use,
    Write,
    List,
    Match,
    Administer,
}

/// What a caller gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// He is let through.
    Through,
    /// He is refused, and that is on record.
    Refused,
    /// He is told that there is no such thing.
    Missing,
    /// He is told to sign in: a token is not enough, or what he typed is wrong.
    NotThus,
    /// Anything but a failure of the server.
    Any,
}

/// On what something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Object<'a> {
    Vault,
    Project(&'a str),
    Environment(&'a str, &'a str),
}

pub(super) fn expected(actor: &Actor, needs: Needs, (project, environment): (&str, &str)) -> Expected {
    let through = |may: bool| if may { Expected::Through } else { Expected::Refused };
    let oversees = may(actor, Op::List, Object::Vault);
    let there = project != "nothing";
    match needs {
        Needs::Nothing => Expected::Through,
        Needs::Guest => Expected::Any,
        Needs::Session => Expected::NotThus,
        Needs::Own => through(actor.scope == Reach::Everything),
        Needs::Stranger => Expected::Missing,
        Needs::ForeignSight if oversees => Expected::Through,
        Needs::ForeignSight => Expected::Missing,
        Needs::Ownership => through(actor.role == Role::Owner && actor.scope == Reach::Everything),
        Needs::Vault(op) => through(may(actor, op, Object::Vault)),
        // Who may know what there is is told what is not.
        Needs::Project(_) | Needs::ProjectAt(_) | Needs::Environment(_) | Needs::OwnKey | Needs::Work
            if !there && oversees =>
        {
            Expected::Missing
        }
        Needs::Project(_) | Needs::ProjectAt(_) | Needs::Environment(_) | Needs::OwnKey | Needs::Work if !there => {
            Expected::Refused
        }
        Needs::Foreign(op) => through(may(actor, op, Object::Project("blog"))),
        Needs::Project(op) => through(may(actor, op, Object::Project(project))),
        Needs::ProjectAt(_) | Needs::Environment(_) | Needs::OwnKey if environment == "nowhere" => {
            match may(actor, Op::List, Object::Project(project)) {
                true => Expected::Missing,
                false => Expected::Refused,
            }
        }
        Needs::ProjectAt(op) => through(may(actor, op, Object::Project(project))),
        Needs::Environment(op) => through(may(actor, op, Object::Environment(project, environment))),
        Needs::OwnKey => {
            let own = actor.scope == Reach::Everything;
            through(own && may(actor, Op::Use, Object::Environment(project, environment)))
        }
        Needs::Work => through(works(actor, project)),
        Needs::Sight => match sees(actor, project) && there {
            true => Expected::Through,
            false => Expected::Missing,
        },
        Needs::Recognition => through(
            may(actor, Op::Match, Object::Vault)
                || ["shop", "blog"].iter().any(|project| {
                    let tiers = ["development", "staging", "production"];
                    tiers.iter().any(|tier| may(actor, Op::Match, Object::Environment(project, tier)))
                }),
        ),
        Needs::ForeignToken | Needs::ForeignKey => match (may(actor, Op::Administer, Object::Vault), oversees) {
            (true, _) => Expected::Through,
            (false, true) => Expected::Refused,
            (false, false) => Expected::Missing,
        },
    }
}

/// Whether values of the foreign project may be in answers to him.
pub(super) fn reads_foreign(actor: &Actor) -> bool {
    may(actor, Op::Read, Object::Environment("blog", "development"))
}

/// Whether he may know what there is in an environment.
pub(super) fn lists(actor: &Actor, (project, environment): (&str, &str)) -> bool {
    may(actor, Op::List, Object::Environment(project, environment))
}

fn sees(actor: &Actor, project: &str) -> bool {
    may(actor, Op::List, Object::Project(project))
        || ["development", "staging", "production"]
            .iter()
            .any(|tier| may(actor, Op::List, Object::Environment(project, tier)))
}

/// Whoever has a role anywhere in a project works in it; who only looks on, or is a program, does not.
fn works(actor: &Actor, project: &str) -> bool {
    let somewhere = match actor.reach {
        Reach::Everything => true,
        _ => project == "shop",
    };
    let at_work = matches!(actor.role, Role::Owner | Role::Admin | Role::Developer | Role::Operator);
    at_work && somewhere && actor.scope == Reach::Everything
}

/// The role allows it there, and so does the token's scope.
fn may(actor: &Actor, op: Op, object: Object<'_>) -> bool {
    reaches(actor.reach, object) && role_allows(actor.role, op, object) && scope_allows(actor.scope, op, object)
}

fn reaches(reach: Reach, object: Object<'_>) -> bool {
    match (reach, object) {
        (Reach::Everything, _) => true,
        (Reach::Shop, Object::Project(project) | Object::Environment(project, _)) => project == "shop",
        (Reach::ShopDevelopment, Object::Environment(project, tier)) => (project, tier) == ("shop", "development"),
        _ => false,
    }
}

fn role_allows(role: Role, op: Op, object: Object<'_>) -> bool {
    let tier = match object {
        Object::Environment(_, tier) => tier,
        _ => "",
    };
    let to_vault = object == Object::Vault;
    match (role, op) {
        (Role::None, _) => false,
        (Role::Owner | Role::Admin, _) => true,
        (Role::Developer, Op::Read | Op::Use | Op::Match) => tier == "development" || tier == "staging",
        (Role::Developer, Op::Write) => tier == "development",
        (Role::Developer | Role::Operator, Op::List) => !to_vault,
        (Role::Operator, Op::Use | Op::Write) => true,
        (Role::Auditor, Op::List) => true,
        (Role::Ci, Op::Read | Op::List) => !tier.is_empty(),
        (Role::Ci, Op::Match) => !to_vault,
        _ => false,
    }
}

fn scope_allows(scope: Reach, op: Op, object: Object<'_>) -> bool {
    match scope {
        Reach::Everything => true,
        // `match:*`
        Reach::Matching => op == Op::Match,
        // `read:shop/development/*`, which lists too
        _ => matches!(op, Op::Read | Op::List) && reaches(scope, object),
    }
}
