//! The reads of the live database and of a snapshot: the same queries over another connection.

/// Implements `Reads` for a type with `read(&self, impl Fn(&Session) -> Result<T, Failed>)`.
macro_rules! impl_reads {
    ($source:ty) => {
        impl keyward_store::Reads for $source {
            fn header(&self) -> Result<Option<Vec<u8>>> {
                self.read(rows::header)
            }

            fn meta(&self, name: &str) -> Result<Option<Vec<u8>>> {
                self.read(|session| rows::meta(session, name))
            }

            fn get(&self, collection: &str, key: &[u8]) -> Result<Option<keyward_store::StoredRecord>> {
                self.read(|session| rows::get(session, collection, key))
            }

            fn by_index(&self, collection: &str, index: &str, value: &[u8]) -> Result<Vec<keyward_store::IndexHit>> {
                self.read(|session| rows::by_index(session, collection, index, value))
            }

            fn scan(
                &self,
                collection: &str,
                range: &keyward_store::KeyRange,
                after: Option<&[u8]>,
                limit: usize,
            ) -> Result<Vec<keyward_store::StoredRecord>> {
                self.read(|session| rows::scan(session, collection, range, after, limit))
            }

            fn rows(
                &self,
                after: Option<(&str, &[u8])>,
                limit: usize,
            ) -> Result<Vec<(String, keyward_store::StoredRecord)>> {
                self.read(|session| rows::rows(session, after, limit))
            }

            fn index_rows(
                &self,
                after: Option<&keyward_store::IndexRow>,
                limit: usize,
            ) -> Result<Vec<keyward_store::IndexRow>> {
                self.read(|session| rows::index_rows(session, after, limit))
            }

            fn log_head(&self) -> Result<keyward_store::Head> {
                self.read(rows::log_head)
            }

            fn log(&self, first: u64, limit: usize) -> Result<Vec<keyward_store::LogRow>> {
                self.read(|session| rows::log(session, first, limit))
            }

            fn tombstones(&self, after: Option<(&str, &[u8])>, limit: usize) -> Result<Vec<keyward_store::Tombstone>> {
                self.read(|session| rows::tombstones(session, after, limit))
            }
        }
    };
}
