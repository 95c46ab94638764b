//! Details of errors as text.

use base64::Engine as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use crate::call::{BASE64, StatusDetail};
use crate::client::DynamicSchema;
use crate::client::json::type_name;

/// Formats a detail of an error: its type, then its fields as JSON. The standard types of `google.rpc` are known; the schema
/// is asked for others. A detail of an unknown type is formatted as base64.
pub async fn describe_detail(schema: &mut DynamicSchema, detail: &StatusDetail) -> String {
    let name = type_name(&detail.type_url);
    let json = match find_descriptor(schema, name).await {
        Some(descriptor) => DynamicMessage::decode(descriptor, detail.value.as_slice())
            .ok()
            .and_then(|message| serde_json::to_string(&message).ok()),
        None => None,
    };
    match json {
        Some(json) => format!("{name} {json}"),
        None => format!("{} {} (base64)", detail.type_url, BASE64.encode(&detail.value)),
    }
}

async fn find_descriptor(schema: &mut DynamicSchema, name: &str) -> Option<MessageDescriptor> {
    if let Some(known) = schema.pool().get_message_by_name(name) {
        return Some(known);
    }
    let standard = DescriptorPool::decode(tonic_types::pb::FILE_DESCRIPTOR_SET).unwrap_or_default();
    if let Some(standard) = standard.get_message_by_name(name) {
        return Some(standard);
    }
    schema.message(name).await.ok().flatten()
}
