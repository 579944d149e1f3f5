package iam

import "encoding/json"

// typed is a message in an Any: its fields with an @type before them.
type typed struct {
	url     string
	message any
}

// MarshalJSON writes the message's own fields beside its type.
func (t typed) MarshalJSON() ([]byte, error) {
	data, err := json.Marshal(t.message)
	if err != nil {
		return nil, err
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	if fields["@type"], err = json.Marshal(t.url); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}
