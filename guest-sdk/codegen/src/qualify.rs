//! Names of types as protoc finds them. The compiler looks a name such as `common.Id` up among all files that it has read, and so
//! finds a package `shop.common` that the file does not import, where protoc finds what the file sees. Of a file that does not
//! compile therefore the names are looked up here, and written in full.

use std::collections::HashSet;

use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto};

/// Writes the names of types in a file in full, those that are found in it and in what it imports. `open` parses a file.
pub(crate) fn qualify(file: &mut FileDescriptorProto, open: impl Fn(&str) -> Option<FileDescriptorProto>) {
    let mut visible = VisibleNames::default();
    visible.add(file);
    let mut open_files = file.dependency.clone();
    let mut seen: HashSet<String> = open_files.iter().cloned().collect();
    while let Some(import) = open_files.pop().and_then(|name| open(&name)) {
        visible.add(&import);
        // Of what an import imports, only what is `public` is seen.
        let public =
            import.public_dependency.iter().filter_map(|index| import.dependency.get(usize::try_from(*index).ok()?));
        open_files.extend(public.filter(|name| seen.insert((*name).clone())).cloned());
    }
    let package = file.package().to_owned();
    file.message_type.iter_mut().for_each(|message| visible.qualify_message(&package, message));
    file.extension.iter_mut().for_each(|field| visible.qualify_field(&package, field));
    for service in &mut file.service {
        let scope = join(&package, service.name());
        for method in &mut service.method {
            visible.qualify(&scope, method.input_type.as_mut());
            visible.qualify(&scope, method.output_type.as_mut());
        }
    }
}

/// What a file sees: full names.
#[derive(Default)]
struct VisibleNames {
    /// Packages, and those that they lie in.
    packages: HashSet<String>,
    types: HashSet<String>,
}

impl VisibleNames {
    fn add(&mut self, file: &FileDescriptorProto) {
        let package = file.package();
        let ends = package.match_indices('.').map(|(at, _)| at).chain([package.len()]);
        self.packages.extend(ends.filter_map(|end| package.get(..end)).map(str::to_owned));
        let mut open: Vec<_> = file.message_type.iter().map(|message| (package.to_owned(), message)).collect();
        self.types.extend(file.enum_type.iter().map(|definition| join(package, definition.name())));
        while let Some((scope, message)) = open.pop() {
            let name = join(&scope, message.name());
            self.types.extend(message.enum_type.iter().map(|definition| join(&name, definition.name())));
            open.extend(message.nested_type.iter().map(|nested| (name.clone(), nested)));
            self.types.insert(name);
        }
    }

    /// The parser has bounded how deep messages lie in each other.
    fn qualify_message(&self, scope: &str, message: &mut DescriptorProto) {
        let scope = join(scope, message.name());
        message.field.iter_mut().chain(&mut message.extension).for_each(|field| self.qualify_field(&scope, field));
        message.nested_type.iter_mut().for_each(|nested| self.qualify_message(&scope, nested));
    }

    fn qualify_field(&self, scope: &str, field: &mut FieldDescriptorProto) {
        self.qualify(scope, field.type_name.as_mut());
        self.qualify(scope, field.extendee.as_mut());
    }

    /// A name with dots is looked up by its first part, from the innermost scope outwards.
    fn qualify(&self, scope: &str, name: Option<&mut String>) {
        let Some(name) = name.filter(|name| !name.starts_with('.')) else { return };
        let Some((first, _)) = name.split_once('.') else { return };
        let mut scope = scope;
        loop {
            let found = join(scope, first);
            if self.types.contains(&found) || self.packages.contains(&found) {
                let full_name = join(scope, name);
                if self.types.contains(&full_name) {
                    *name = format!(".{full_name}");
                }
                return;
            }
            if scope.is_empty() {
                return;
            }
            scope = scope.rsplit_once('.').map(|(outer, _)| outer).unwrap_or_default();
        }
    }
}

fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}
