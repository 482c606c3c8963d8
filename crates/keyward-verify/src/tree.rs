//! The Merkle tree of RFC 6962 (SHA-256), as a stack of complete subtrees.

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

pub(crate) fn leaf(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

pub(crate) fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Complete subtrees from left to right, each with its number of leaves.
#[derive(Debug, Default, Clone)]
pub(crate) struct Stack(Vec<(u64, Hash)>);

impl Stack {
    /// Adds the subtree over the next `leaves` leaves, a power of two, and joins equal neighbours.
    pub(crate) fn push(&mut self, leaves: u64, hash: Hash) {
        self.0.push((leaves, hash));
        while let [.., (a, left), (b, right)] = self.0[..]
            && a == b
        {
            self.0.truncate(self.0.len() - 2);
            self.0.push((a + b, node(&left, &right)));
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.0.iter().map(|(leaves, _)| leaves).sum()
    }

    pub(crate) fn root(&self) -> Hash {
        let root = self.0.iter().rev().map(|(_, hash)| *hash).reduce(|right, left| node(&left, &right));
        root.unwrap_or_else(|| Sha256::digest(b"").into())
    }
}

/// The root that an inclusion proof leads to, by the definition of the audit path (RFC 6962,
/// 2.1.1); none when the proof has another length than the tree asks for.
pub(crate) fn root_by_path(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    if size == 1 {
        return path.is_empty().then_some(leaf);
    }
    let (sibling, below) = path.split_last()?;
    let left = 1 << (63 - (size - 1).leading_zeros());
    if index < left {
        Some(node(&root_by_path(leaf, index, left, below)?, sibling))
    } else {
        Some(node(sibling, &root_by_path(leaf, index - left, size - left, below)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The well-known test tree of the Certificate Transparency project.
    #[test]
    fn the_known_tree_has_its_known_roots() {
        let leaves: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut stack = Stack::default();
        assert_eq!(hex(&stack.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (n, (entry, root)) in leaves.iter().zip(roots).enumerate() {
            stack.push(1, leaf(entry));
            assert_eq!((hex(&stack.root()).as_str(), stack.size()), (root, n as u64 + 1));
        }
        let path = [stack.0[0].1; 3];
        assert_eq!(root_by_path(leaf(b"x"), 8, 8, &path), None);
        assert_eq!(root_by_path(leaf(b"x"), 7, 8, &path[1..]), None);
        assert_eq!(root_by_path(leaf(b"x"), 0, 1, &path[..1]), None);
    }
}
