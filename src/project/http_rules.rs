//! HTTP rules of `okra.toml`, which become options of the methods in the descriptors of the package: what serves, describes or
//! reflects a service finds them where it finds those of `.proto` files.

use std::path::{Path, PathBuf};

use okra_codegen::compile::compile;
use prost::Message as _;
use prost::encoding::{DecodeContext, decode_key, skip_field};
use prost_reflect::{DescriptorPool, DynamicMessage, FileDescriptor, ReflectMessage as _, Value};

use crate::config::{ConfigError, HttpRuleConfig, Mistake, Project};
use crate::project::ProjectError;
use crate::routes::rule::read_rules;

/// The file that defines the option.
const ANNOTATIONS: &str = "google/api/annotations.proto";
/// The number of the option `google.api.http`.
const HTTP_OPTION: u32 = 72_295_728;

/// A `google.api.HttpRule`.
#[derive(Clone, PartialEq, prost::Message)]
struct HttpRuleMessage {
    #[prost(string, optional, tag = "2")]
    get: Option<String>,
    #[prost(string, optional, tag = "3")]
    put: Option<String>,
    #[prost(string, optional, tag = "4")]
    post: Option<String>,
    #[prost(string, optional, tag = "5")]
    delete: Option<String>,
    #[prost(string, optional, tag = "6")]
    patch: Option<String>,
    #[prost(string, tag = "7")]
    body: String,
    #[prost(message, optional, tag = "8")]
    custom: Option<CustomHttpPattern>,
    #[prost(message, repeated, tag = "11")]
    additional_bindings: Vec<HttpRuleMessage>,
    #[prost(string, tag = "12")]
    response_body: String,
}

/// A `google.api.CustomHttpPattern`.
#[derive(Clone, PartialEq, prost::Message)]
struct CustomHttpPattern {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    path: String,
}

impl From<&HttpRuleConfig> for HttpRuleMessage {
    fn from(rule: &HttpRuleConfig) -> Self {
        let custom = rule.custom.clone();
        Self {
            get: rule.get.clone(),
            put: rule.put.clone(),
            post: rule.post.clone(),
            delete: rule.delete.clone(),
            patch: rule.patch.clone(),
            body: rule.body.clone(),
            custom: custom.map(|custom| CustomHttpPattern { kind: custom.kind, path: custom.path }),
            additional_bindings: rule.additional_bindings.iter().map(Self::from).collect(),
            response_body: rule.response_body.clone(),
        }
    }
}

/// Puts the rules of the project in `folder` into an encoded `google.protobuf.FileDescriptorSet`.
///
/// # Errors
/// If a rule is not valid, or is for a method that the project does not serve.
pub(super) fn add_http_rules(
    folder: &Path,
    project: &Project,
    mut descriptors: Vec<u8>,
) -> Result<Vec<u8>, ProjectError> {
    let rules = &project.http.rules;
    if rules.is_empty() {
        return Ok(descriptors);
    }
    let wrong = |rule: &HttpRuleConfig, reason: String| {
        let mistake = Mistake::HttpRule { selector: rule.selector.clone(), reason };
        ProjectError::from(ConfigError::at(folder, &["http", "rules"], mistake))
    };
    let decode = |descriptors: &[u8]| {
        DescriptorPool::decode(descriptors).map_err(|error| ProjectError::Descriptors(Box::new(error)))
    };
    let mut pool = decode(&descriptors)?;
    if pool.get_extension_by_name("google.api.http").is_none() {
        let known = compile(&[], &[PathBuf::from(ANNOTATIONS)])?.pool;
        for file in known.files().filter(|file| pool.get_file_by_name(file.name()).is_none()) {
            push_file(&mut descriptors, &file.encode_to_vec());
        }
        pool = decode(&descriptors)?;
    }
    let served: Vec<_> = project.proto.serves.iter().chain(&project.proto.raw).map(|service| &**service).collect();
    let services = pool.services().filter(|service| served.contains(&service.full_name()));
    let methods: Vec<_> = services.flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    for (index, rule) in rules.iter().enumerate() {
        rule.check().map_err(|reason| wrong(rule, reason))?;
        if rules.iter().take(index).any(|earlier| earlier.selector == rule.selector) {
            return Err(wrong(rule, "the method has another rule; use `additional-bindings`".to_owned()));
        }
        if !methods.iter().any(|method| method.full_name() == rule.selector) {
            let known: Vec<_> = methods.iter().map(|method| format!("`{}`", method.full_name())).collect();
            let reason = format!("the project serves no such method; it serves {}", known.join(", "));
            return Err(wrong(rule, reason));
        }
    }
    let mut changed = Vec::with_capacity(descriptors.len());
    for file in pool.files() {
        let own = |rule: &&HttpRuleConfig| file.services().any(|service| has_method(rule, service.full_name()));
        let rules: Vec<_> = rules.iter().filter(own).collect();
        let encoded = if rules.is_empty() { Some(file.encode_to_vec()) } else { set_options(&file, &rules) };
        let unreadable = || ProjectError::DescriptorOptions { file: file.name().to_owned() };
        push_file(&mut changed, &encoded.ok_or_else(unreadable)?);
    }
    let pool = decode(&changed)?;
    for rule in rules {
        let mut methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
        let Some(method) = methods.find(|method| method.full_name() == rule.selector) else { continue };
        for http_rule in read_rules(&method) {
            http_rule
                .parse_template(&method)
                .map_err(|reason| wrong(rule, format!("`{}`: {reason}", http_rule.path)))?;
        }
    }
    Ok(changed)
}

/// Whether a rule is for a method of this service.
fn has_method(rule: &HttpRuleConfig, service: &str) -> bool {
    rule.selector.rsplit_once('.').is_some_and(|(of, _)| of == service)
}

fn push_file(set: &mut Vec<u8>, file: &[u8]) {
    // Field 1 of google.protobuf.FileDescriptorSet.
    prost::encoding::bytes::encode(1, &file.to_vec(), set);
}

/// Encodes a file in which methods have the option of these rules. Other options, custom ones included, stay; `None` when
/// the file cannot be read.
fn set_options(file: &FileDescriptor, rules: &[&HttpRuleConfig]) -> Option<Vec<u8>> {
    let descriptor = DescriptorPool::global().get_message_by_name("google.protobuf.FileDescriptorProto")?;
    let mut message = DynamicMessage::decode(descriptor, file.encode_to_vec().as_slice()).ok()?;
    let package = file.package_name();
    for service in message.get_field_by_name_mut("service")?.as_list_mut()? {
        let service = service.as_message_mut()?;
        let name = service.get_field_by_name("name")?.as_str()?.to_owned();
        let service_name = if package.is_empty() { name } else { format!("{package}.{name}") };
        for method in service.get_field_by_name_mut("method")?.as_list_mut()? {
            let method = method.as_message_mut()?;
            let name = format!("{service_name}.{}", method.get_field_by_name("name")?.as_str()?);
            let Some(rule) = rules.iter().find(|rule| rule.selector == name) else { continue };
            let options = method.get_field_by_name("options")?.as_message()?.clone();
            let mut encoded = without_http_option(&options.encode_to_vec())?;
            prost::encoding::message::encode(HTTP_OPTION, &HttpRuleMessage::from(*rule), &mut encoded);
            let options = DynamicMessage::decode(options.descriptor(), encoded.as_slice()).ok()?;
            method.set_field_by_name("options", Value::Message(options));
        }
    }
    Some(message.encode_to_vec())
}

/// Returns encoded options without the rule of the `.proto` file; `None` when they are not valid.
fn without_http_option(options: &[u8]) -> Option<Vec<u8>> {
    let (mut rest, mut kept) = (options, Vec::with_capacity(options.len()));
    while !rest.is_empty() {
        let field = rest;
        let (number, wire_type) = decode_key(&mut rest).ok()?;
        skip_field(wire_type, number, &mut rest, DecodeContext::default()).ok()?;
        if number != HTTP_OPTION {
            kept.extend_from_slice(field.get(..field.len() - rest.len())?);
        }
    }
    Some(kept)
}
