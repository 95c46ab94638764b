//! New projects, by the template of their language.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry};

use crate::config::Name;
use crate::language::{FileError, GuestLanguage};
use crate::project::{ProjectError, generate_project};

/// Writes a project in a new folder of its name in `parent`, and generates its files, so that it compiles at once. Returns the
/// folder.
///
/// # Errors
/// If the name is reserved in the language, or the folder exists or cannot be written.
pub fn create_project(parent: &Path, name: &Name, language: &dyn GuestLanguage) -> Result<PathBuf, ProjectError> {
    if language.reserved_names().contains(&&**name) {
        return Err(ProjectError::ReservedName { name: name.to_string(), language: language.display_name() });
    }
    let folder = parent.join(&**name);
    fs::create_dir(&folder).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => ProjectError::Exists { path: folder.clone() },
        _ => FileError::on("make the folder", &folder)(error).into(),
    })?;
    write_template(language.template().files, &folder, name)?;
    generate_project(&folder)?;
    Ok(folder)
}

fn write_template(template: &Dir<'_>, folder: &Path, name: &Name) -> Result<(), FileError> {
    for entry in template.entries() {
        match entry {
            DirEntry::Dir(inner) => write_template(inner, folder, name)?,
            DirEntry::File(file) => {
                let text = fill_placeholders(file.contents_utf8().unwrap_or_default(), name);
                let path = fill_placeholders(&file.path().to_string_lossy(), name);
                // A template ends in `.in` if tools in OKRA's own repository would read it by its real name.
                let path = folder.join(path.strip_suffix(".in").unwrap_or(&path));
                let parent = path.parent().unwrap_or(folder);
                fs::create_dir_all(parent).map_err(FileError::on("make the folder", parent))?;
                fs::write(&path, text).map_err(FileError::on("write", &path))?;
            }
        }
    }
    Ok(())
}

/// Replaces the placeholders: `__name__` by the name as it is, `__snake__` by the name as protobuf packages and modules are
/// written, `__Service__` by the name as services are written.
fn fill_placeholders(text: &str, name: &Name) -> String {
    let service: String = name
        .split('-')
        .flat_map(|word| {
            word.chars().enumerate().map(|(index, char)| if index == 0 { char.to_ascii_uppercase() } else { char })
        })
        .collect();
    text.replace("__name__", name).replace("__snake__", &name.replace('-', "_")).replace("__Service__", &service)
}
