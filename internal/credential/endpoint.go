package credential

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// CheckEndpoint is the allow-list: https on a host of googleapis.com, without
// user, query or fragment. Addresses of this machine, even over plain http, are
// allowed only with allowLoopback.
func CheckEndpoint(u *url.URL, allowLoopback bool) error {
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must have no user, query or fragment")
	}
	if isLoopback(u.Hostname()) && (u.Scheme == "http" || u.Scheme == "https") {
		if allowLoopback {
			return nil
		}
		return errors.New("is on this machine; hint: set allowLoopbackEndpoints to true for a test environment")
	}
	if u.Scheme != "https" {
		return errors.New("must use https")
	}
	if host := u.Host; host != "googleapis.com" && !strings.HasSuffix(host, ".googleapis.com") {
		return errors.New("must be a host of googleapis.com; hint: with another host, a credential configuration sends your signed AWS requests to someone else")
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
