//! What makes it hard to get at this process's memory.

/// Turns core dumps off and keeps other processes of the same user from attaching. Where the
/// system refuses, the command goes on: these are second lines of defence.
pub(crate) fn this_process() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        let _ = setrlimit(Resource::Core, none);
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    #[test]
    fn memory_goes_into_no_core_dump() {
        super::this_process();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert!(matches!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable)));
    }
}
