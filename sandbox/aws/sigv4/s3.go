package sigv4

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// S3 reads a signature by itself, in another order than the other services and with
// other words. Order and words are those that brekkylab/backlot, backlot/auth.py,
// measured on the service on 2026-09-29: the clock comes before the scope, the
// scope before the headers, and the key and the signature come last.

// maxPresignedLifetime is the longest X-Amz-Expires; see "Authenticating
// Requests: Using Query Parameters (AWS Signature Version 4)".
const maxPresignedLifetime = 7 * 24 * time.Hour

// asymmetric is the algorithm of SigV4a.
const asymmetric = "AWS4-ECDSA-P256-SHA256"

// readS3 reads the signature of a request to S3 and checks all of it but the key
// and the signature itself.
func (v *Verifier) readS3(r *api.Request, now time.Time) (*signature, error) {
	header, query := r.Header.Values("Authorization"), r.URL.Query()
	switch {
	case len(header) > 0 && query.Has("X-Amz-Algorithm"):
		return nil, argument("Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "+
			"Signature query string parameter or the Authorization header should be specified", "Authorization", header[0])
	case len(header) > 1:
		return nil, headerMalformed("The request has " + strconv.Itoa(len(header)) + " Authorization headers.")
	case len(header) > 0 && header[0] != "":
		return v.readS3Header(r, header[0], now)
	case query.Has("X-Amz-Algorithm"):
		return v.readS3Query(r, query, now)
	}
	return nil, missing(r)
}

func (v *Verifier) readS3Header(r *api.Request, header string, now time.Time) (*signature, error) {
	algorithm, rest, _ := strings.Cut(header, " ")
	switch strings.ToUpper(algorithm) {
	case Algorithm:
	case asymmetric:
		return nil, api.Unmodelled("signing algorithm", asymmetric)
	case "AWS": // Signature Version 2, which not every region takes
		return nil, api.Errorf(http.StatusBadRequest, "InvalidRequest",
			"The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
	default:
		return nil, argument("Unsupported Authorization Type", "Authorization", header)
	}
	if err := checkContentHash(r); err != nil {
		return nil, err
	}
	sig := &signature{token: r.Header.Get("X-Amz-Security-Token")}
	date := r.Header.Get("X-Amz-Date")
	var err error
	if date != "" {
		sig.time, err = time.Parse(timeFormat, date)
	} else {
		date = r.Header.Get("Date")
		sig.time, err = http.ParseTime(date)
	}
	if err != nil {
		return nil, api.Errorf(http.StatusForbidden, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
	}
	if d := now.Sub(sig.time); d > MaxSkew || d < -MaxSkew {
		return sig, skewedS3(date, now)
	}
	fields := map[string]string{}
	for f := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(f), "=")
		fields[name] = value
	}
	credential, hasCredential := fields["Credential"]
	if !hasCredential || fields["SignedHeaders"] == "" || fields["Signature"] == "" {
		return sig, headerMalformed("the authorization header requires three components: Credential, SignedHeaders, and Signature.")
	}
	sig.hex, sig.signedHeaders = fields["Signature"], strings.Split(strings.ToLower(fields["SignedHeaders"]), ";")
	if fault := v.credentialS3(r, sig, credential); fault != nil {
		return sig, fault.refusal(false)
	}
	if sig.date != sig.time.UTC().Format(dateFormat) {
		return sig, headerMalformed("Invalid credential date. Date is not the same as X-Amz-Date.")
	}
	return sig, allSigned(r, sig)
}

func (v *Verifier) readS3Query(r *api.Request, query url.Values, now time.Time) (*signature, error) {
	switch query.Get("X-Amz-Algorithm") {
	case Algorithm:
	case asymmetric:
		return nil, api.Unmodelled("signing algorithm", asymmetric)
	default:
		return nil, queryError(`X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`)
	}
	for _, name := range []string{"Credential", "Signature", "Date", "SignedHeaders", "Expires"} {
		if !query.Has("X-Amz-" + name) {
			return nil, queryError("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, " +
				"X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
		}
	}
	sig := &signature{
		presigned: true, hex: query.Get("X-Amz-Signature"), token: query.Get("X-Amz-Security-Token"),
		signedHeaders: strings.Split(strings.ToLower(query.Get("X-Amz-SignedHeaders")), ";"),
	}
	var err error
	date := query.Get("X-Amz-Date")
	if sig.time, err = time.Parse(timeFormat, date); err != nil {
		return nil, queryError(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`)
	}
	seconds, err := strconv.Atoi(query.Get("X-Amz-Expires"))
	switch {
	case err != nil:
		return nil, queryError("X-Amz-Expires should be a number")
	case seconds < 0:
		return nil, queryError("X-Amz-Expires must be non-negative")
	case seconds > int(maxPresignedLifetime/time.Second):
		return nil, queryError("X-Amz-Expires must be less than a week (in seconds); " +
			"that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	end := sig.time.Add(time.Duration(seconds) * time.Second)
	if sig.time.After(now.Add(MaxSkew)) {
		return sig, denied("Request is not yet valid", map[string]string{
			"X-Amz-Date": strconv.FormatInt(sig.time.UnixMilli(), 10), "Expires": iso(end), "ServerTime": iso(now),
		})
	}
	if now.After(end) {
		return sig, denied("Request has expired", map[string]string{
			"X-Amz-Expires": query.Get("X-Amz-Expires"), "Expires": iso(end), "ServerTime": iso(now),
		})
	}
	if fault := v.credentialS3(r, sig, query.Get("X-Amz-Credential")); fault != nil {
		return sig, fault.refusal(true)
	}
	if day := date[:len(dateFormat)]; sig.date != day {
		return sig, queryError(fmt.Sprintf("Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", sig.date, day))
	}
	return sig, allSigned(r, sig)
}

// scopeFault is what is wrong with the scope of a credential.
type scopeFault struct{ message, region string }

func (f *scopeFault) refusal(presigned bool) *api.Error {
	e := headerMalformed(f.message)
	if presigned {
		e = queryError("Error parsing the X-Amz-Credential parameter; " + f.message)
	}
	if f.region != "" {
		e.Members = map[string]string{"Region": f.region}
	}
	return e
}

func wrongRegionS3(region, expected string) *scopeFault {
	return &scopeFault{fmt.Sprintf("the region '%s' is wrong; expecting '%s'", region, expected), expected}
}

// WrongRegion refuses a verified request to S3 that was signed for another region than
// its bucket's.
func WrongRegion(r *api.Request, expected string) *api.Error {
	return wrongRegionS3(r.Region, expected).refusal(r.Header.Get("Authorization") == "")
}

// credentialS3 reads KEY/DATE/REGION/SERVICE/aws4_request. It takes over what it
// can read before it says what is wrong.
func (v *Verifier) credentialS3(r *api.Request, sig *signature, text string) *scopeFault {
	parts := strings.Split(text, "/")
	if len(parts) != 5 {
		return &scopeFault{message: `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`}
	}
	sig.accessKeyID, sig.date, sig.region, sig.service = parts[0], parts[1], parts[2], parts[3]
	if sig.accessKeyID == "" {
		return &scopeFault{message: "a non-empty Access Key (AKID) must be provided in the credential."}
	}
	if _, err := time.Parse(dateFormat, sig.date); err != nil {
		message := fmt.Sprintf(`incorrect date format %q. This date in the credential must be in the format "yyyyMMdd".`, sig.date)
		return &scopeFault{message: message}
	}
	if sig.region == "" {
		return &scopeFault{message: "a non-empty region must be provided in the credential."}
	}
	expected := sig.region
	if _, region := hostScope(r.Host); region != "" {
		expected = region
	} else if v.Region != nil {
		expected, _ = v.Region("s3", sig.region)
	}
	if sig.region != expected {
		return wrongRegionS3(sig.region, expected)
	}
	if sig.service != "s3" {
		return &scopeFault{message: fmt.Sprintf(`incorrect service %q. This endpoint belongs to "s3".`, sig.service)}
	}
	if parts[4] != "aws4_request" {
		return &scopeFault{message: fmt.Sprintf(`incorrect terminal %q. This endpoint uses "aws4_request".`, parts[4])}
	}
	return nil
}

// allSigned checks that the headers which must be signed are.
func allSigned(r *api.Request, sig *signature) error {
	var unsigned []string
	if !slices.Contains(sig.signedHeaders, "host") {
		unsigned = append(unsigned, "host")
	}
	for h := range r.Header {
		h = strings.ToLower(h)
		must := h == "content-md5" || strings.HasPrefix(h, "x-amz-") && h != "x-amz-content-sha256"
		if must && !slices.Contains(sig.signedHeaders, h) {
			unsigned = append(unsigned, h)
		}
	}
	if unsigned == nil {
		return nil
	}
	slices.Sort(unsigned)
	return denied("There were headers present in the request which were not signed",
		map[string]string{"HeadersNotSigned": strings.Join(unsigned, ", ")})
}

func headerMalformed(message string) *api.Error {
	return api.Errorf(http.StatusBadRequest, "AuthorizationHeaderMalformed", "The authorization header is malformed; %s", message)
}

func queryError(message string) *api.Error {
	return api.Errorf(http.StatusBadRequest, "AuthorizationQueryParametersError", "%s", message)
}

func argument(message, name, value string) *api.Error {
	e := api.Errorf(http.StatusBadRequest, "InvalidArgument", "%s", message)
	e.Members = map[string]string{"ArgumentName": name, "ArgumentValue": value}
	return e
}

func denied(message string, members map[string]string) *api.Error {
	e := api.Errorf(http.StatusForbidden, "AccessDenied", "%s", message)
	e.Members = members
	return e
}

func skewedS3(sent string, now time.Time) *api.Error {
	e := api.Errorf(http.StatusForbidden, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
	e.Members = map[string]string{
		"RequestTime": sent, "ServerTime": iso(now), "MaxAllowedSkewMilliseconds": strconv.FormatInt(MaxSkew.Milliseconds(), 10),
	}
	return e
}
