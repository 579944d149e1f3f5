package sigv4

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// parse reads the signature out of the header or the query, for every service but
// S3. The signature is returned with an error too once its scope is known.
func parse(r *api.Request) (*signature, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		if n := len(r.Header.Values("Authorization")); n > 1 {
			return nil, incomplete(r, "The request has "+strconv.Itoa(n)+" Authorization headers.")
		}
		return parseHeader(r, h)
	}
	if q := r.URL.Query(); q.Has("X-Amz-Algorithm") || q.Has("X-Amz-Signature") {
		return parseQuery(r, q)
	}
	return nil, missing(r)
}

func parseHeader(r *api.Request, header string) (*signature, error) {
	algorithm, rest, _ := strings.Cut(header, " ")
	if algorithm != Algorithm {
		return nil, incomplete(r, "Unsupported AWS 'algorithm': '"+algorithm+"'.")
	}
	fields := map[string]string{}
	for _, f := range strings.FieldsFunc(rest, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' }) {
		k, v, ok := strings.Cut(f, "=")
		if !ok { // a blank in the access key id, most of all: boto/boto3, issue 2280
			return nil, incomplete(r, "'"+f+"' not a valid key=value pair (missing equal-sign) in Authorization header: '"+header+"'.")
		}
		fields[k] = v
	}
	var sig signature
	if err := sig.credential(r, fields["Credential"]); err != nil {
		return nil, err
	}
	r.Service = sig.service // decides the protocol of the errors below
	var absent []string
	for _, name := range []string{"Signature", "SignedHeaders"} {
		if fields[name] == "" {
			absent = append(absent, "Authorization header requires '"+name+"' parameter.")
		}
	}
	if len(absent) > 0 {
		return &sig, incomplete(r, strings.Join(absent, " ")+" Authorization="+algorithm)
	}
	sig.hex = fields["Signature"]
	sig.signedHeaders = strings.Split(strings.ToLower(fields["SignedHeaders"]), ";")
	sig.token = r.Header.Get("X-Amz-Security-Token")
	date := r.Header.Get("X-Amz-Date")
	var err error
	if date != "" {
		sig.time, err = time.Parse(timeFormat, date)
	} else if date = r.Header.Get("Date"); date != "" {
		sig.time, err = http.ParseTime(date)
	}
	if date == "" || err != nil {
		return &sig, incomplete(r,
			"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization="+algorithm)
	}
	return &sig, nil
}

// credential reads KEY/DATE/REGION/SERVICE/aws4_request.
func (s *signature) credential(r *api.Request, text string) error {
	parts := strings.Split(text, "/")
	if len(parts) != 5 || parts[4] != "aws4_request" || parts[0] == "" || parts[3] == "" {
		if text == "" {
			return incomplete(r, "Authorization header requires 'Credential' parameter.")
		}
		return incomplete(r, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '"+text+"'")
	}
	s.accessKeyID, s.date, s.region, s.service = parts[0], parts[1], parts[2], parts[3]
	return nil
}

func parseQuery(r *api.Request, q url.Values) (*signature, error) {
	sig := signature{presigned: true, hex: q.Get("X-Amz-Signature"), token: q.Get("X-Amz-Security-Token")}
	if err := sig.credential(r, q.Get("X-Amz-Credential")); err != nil {
		return nil, err
	}
	r.Service = sig.service
	if q.Get("X-Amz-Algorithm") != Algorithm {
		return &sig, incomplete(r, "Unsupported AWS 'algorithm': '"+q.Get("X-Amz-Algorithm")+"'.")
	}
	if sig.hex == "" || q.Get("X-Amz-SignedHeaders") == "" {
		return &sig, incomplete(r, "AWS query-string parameters must include 'X-Amz-Signature' and 'X-Amz-SignedHeaders'.")
	}
	sig.signedHeaders = strings.Split(strings.ToLower(q.Get("X-Amz-SignedHeaders")), ";")
	var err error
	if sig.time, err = time.Parse(timeFormat, q.Get("X-Amz-Date")); err != nil {
		return &sig, incomplete(r,
			"Date must be in ISO-8601 'basic format'. Got '"+q.Get("X-Amz-Date")+"'. See http://en.wikipedia.org/wiki/ISO_8601")
	}
	if q.Has("X-Amz-Expires") {
		seconds, err := strconv.Atoi(q.Get("X-Amz-Expires"))
		if err != nil || seconds < 0 {
			return &sig, incomplete(r, "X-Amz-Expires must be a number of seconds.")
		}
		if sig.lifetime = time.Duration(seconds) * time.Second; sig.lifetime > maxPresignedLifetime {
			return &sig, incomplete(r, "X-Amz-Expires must be at most a week, in seconds.")
		}
	}
	return &sig, nil
}
