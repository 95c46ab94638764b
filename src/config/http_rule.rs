//! HTTP rules of `okra.toml`: paths for methods whose `.proto` file has none, in the form of Google's service configuration.
//! <https://github.com/googleapis/googleapis/blob/master/google/api/http.proto>

use serde::Deserialize;

/// The `[http]` table.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Http {
    /// The rules, each for one method. A rule counts in place of the one in the `.proto` file.
    pub rules: Vec<HttpRuleConfig>,
}

/// A `google.api.HttpRule`: one verb with its path, and where the messages are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs)]
pub struct HttpRuleConfig {
    /// Full name of the method, `PACKAGE.SERVICE.METHOD`. Additional bindings have none.
    pub selector: String,
    pub get: Option<String>,
    pub put: Option<String>,
    pub post: Option<String>,
    pub delete: Option<String>,
    pub patch: Option<String>,
    /// Another verb; the kind `*` is every verb.
    pub custom: Option<CustomVerb>,
    /// The field of the request that is the body; `*` is the whole request. Default: there is no body.
    pub body: String,
    /// The field of the response that is sent. Default: the whole response.
    pub response_body: String,
    /// Other verbs and paths of the method.
    pub additional_bindings: Vec<HttpRuleConfig>,
}

/// A verb that has no key of its own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct CustomVerb {
    pub kind: String,
    pub path: String,
}

impl HttpRuleConfig {
    /// Checks the rules between its keys.
    ///
    /// # Errors
    /// With what is wrong.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.selector.is_empty() {
            return Err("it has no `selector`".to_owned());
        }
        for binding in &self.additional_bindings {
            if !binding.selector.is_empty() || !binding.additional_bindings.is_empty() {
                return Err("an additional binding has neither a `selector` nor bindings of its own".to_owned());
            }
        }
        for binding in std::iter::once(self).chain(&self.additional_bindings) {
            let usual = [&binding.get, &binding.put, &binding.post, &binding.delete, &binding.patch];
            let verbs = usual.into_iter().flatten().count() + usize::from(binding.custom.is_some());
            if verbs != 1 {
                return Err(format!("a binding has one of get, put, post, delete, patch and custom, not {verbs}"));
            }
        }
        Ok(())
    }
}
