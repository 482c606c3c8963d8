//! Engines around another: what they read is what that one reads.

/// Reads of an engine that has the other one as `inner`.
macro_rules! reads_of_inner {
    ($wrapper:ident) => {
        impl<E: keyward_store::Engine> keyward_store::Reads for $wrapper<E> {
            fn header(&self) -> keyward_store::Result<Option<Vec<u8>>> {
                self.inner.header()
            }

            fn meta(&self, name: &str) -> keyward_store::Result<Option<Vec<u8>>> {
                self.inner.meta(name)
            }

            fn get(&self, collection: &str, key: &[u8]) -> keyward_store::Result<Option<keyward_store::StoredRecord>> {
                self.inner.get(collection, key)
            }

            fn by_index(
                &self,
                collection: &str,
                index: &str,
                value: &[u8],
            ) -> keyward_store::Result<Vec<keyward_store::IndexHit>> {
                self.inner.by_index(collection, index, value)
            }

            fn scan(
                &self,
                collection: &str,
                range: &keyward_store::KeyRange,
                after: Option<&[u8]>,
                limit: usize,
            ) -> keyward_store::Result<Vec<keyward_store::StoredRecord>> {
                self.inner.scan(collection, range, after, limit)
            }

            fn rows(
                &self,
                after: Option<(&str, &[u8])>,
                limit: usize,
            ) -> keyward_store::Result<Vec<(String, keyward_store::StoredRecord)>> {
                self.inner.rows(after, limit)
            }

            fn index_rows(
                &self,
                after: Option<&keyward_store::IndexRow>,
                limit: usize,
            ) -> keyward_store::Result<Vec<keyward_store::IndexRow>> {
                self.inner.index_rows(after, limit)
            }

            fn tombstones(
                &self,
                after: Option<(&str, &[u8])>,
                limit: usize,
            ) -> keyward_store::Result<Vec<keyward_store::Tombstone>> {
                self.inner.tombstones(after, limit)
            }

            fn log_head(&self) -> keyward_store::Result<keyward_store::Head> {
                self.inner.log_head()
            }

            fn log(&self, first: u64, limit: usize) -> keyward_store::Result<Vec<keyward_store::LogRow>> {
                self.inner.log(first, limit)
            }
        }
    };
}
