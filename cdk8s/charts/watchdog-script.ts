/**
 * Asks hai how it is, from outside of Windmill. It proves a success and does not look for failures: no answer, or one that
 * is not understood, is a failure. The variables have no braces, which Flux would fill in.
 */
export const WATCHDOG_SCRIPT = `set -eu
body=$(curl --silent --show-error --fail-with-body --max-time 60 \\
  --header @/etc/hai/authorization --header 'content-type: application/json' --data '{}' "$HAI_HEALTH_URL") || {
  echo "hai does not answer: $body"
  exit 1
}
# jsonb knows neither the order of keys nor our spaces
flat=$(printf '%s' "$body" | tr -d ' \\n\\r\\t')
case "$flat" in
  *'"ok":false'*|*'"late":true'*)
    echo "hai is not well: $body"
    exit 1
    ;;
  *'"ok":true'*'"problems":[]'*|*'"problems":[]'*'"ok":true'*)
    echo "hai is well"
    ;;
  *)
    echo "hai's answer is not understood: $body"
    exit 1
    ;;
esac
`
