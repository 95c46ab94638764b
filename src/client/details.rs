use base64::Engine as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use super::Schema;
use super::json::type_name;
use crate::call::BASE64;
use crate::call::StatusDetail;

/// Shows a detail of an error: its type, then its fields as JSON. The standard types of `google.rpc` are known; others are
/// asked for. One that stays unknown is shown as base64.
pub async fn describe_detail(schema: &mut Schema, detail: &StatusDetail) -> String {
    let name = type_name(&detail.type_url);
    let json = match descriptor(schema, name).await {
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

async fn descriptor(schema: &mut Schema, name: &str) -> Option<MessageDescriptor> {
    if let Some(known) = schema.pool().get_message_by_name(name) {
        return Some(known);
    }
    let standard = DescriptorPool::decode(tonic_types::pb::FILE_DESCRIPTOR_SET).unwrap_or_default();
    if let Some(standard) = standard.get_message_by_name(name) {
        return Some(standard);
    }
    schema.message(name).await.ok().flatten()
}
