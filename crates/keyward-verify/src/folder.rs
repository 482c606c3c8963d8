//! Where an export lies.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Files by relative path, with `/`.
pub trait Folder {
    /// The bytes of a file; none when there is no such file.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;

    /// A file to be read line by line, for those that may not fit in memory.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn lines(&self, path: &str) -> io::Result<Option<Box<dyn BufRead + '_>>>;

    /// The paths of all files below a folder.
    ///
    /// # Errors
    /// When it cannot be listed.
    fn list(&self, below: &str) -> io::Result<Vec<String>>;
}

/// A folder on disk.
#[derive(Debug)]
pub struct Dir(PathBuf);

impl Dir {
    /// The folder at this path.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(path: &Path) -> io::Result<Dir> {
        match fs::metadata(path)?.is_dir() {
            true => Ok(Dir(path.to_owned())),
            false => Err(io::Error::new(io::ErrorKind::NotADirectory, "not a folder")),
        }
    }
}

impl Folder for Dir {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.0.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(why),
        }
    }

    fn lines(&self, path: &str) -> io::Result<Option<Box<dyn BufRead + '_>>> {
        match fs::File::open(self.0.join(path)) {
            Ok(file) => Ok(Some(Box::new(BufReader::with_capacity(1 << 20, file)))),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(why),
        }
    }

    fn list(&self, below: &str) -> io::Result<Vec<String>> {
        let mut paths = Vec::new();
        let mut folders = vec![below.to_owned()];
        while let Some(folder) = folders.pop() {
            let listed = match fs::read_dir(self.0.join(&folder)) {
                Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
                listed => listed?,
            };
            for item in listed {
                let item = item?;
                let path = format!("{folder}/{}", item.file_name().to_string_lossy());
                // A link is listed as a file: it belongs to no export.
                let list = if item.file_type()?.is_dir() { &mut folders } else { &mut paths };
                list.push(path);
            }
        }
        Ok(paths)
    }
}
