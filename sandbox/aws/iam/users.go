package iam

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

type user struct{ entity }

type userShape struct {
	Path       string
	UserName   string
	UserID     string `xml:"UserId"`
	ARN        string `xml:"Arn"`
	CreateDate api.Timestamp

	PermissionsBoundary *boundaryShape        `xml:",omitempty"`
	Tags                *api.Members[api.Tag] `xml:",omitempty"`
}

func (u *user) shape() userShape {
	s := userShape{Path: u.path, UserName: u.name, UserID: u.id, ARN: u.arn, CreateDate: api.Timestamp(u.created)}
	s.PermissionsBoundary = u.boundaryShape()
	if len(u.tags) > 0 {
		m := api.MembersOf(u.tags...)
		s.Tags = &m
	}
	return s
}

type createUserInput struct {
	UserName string
	Path     string
	Tags     []api.Tag

	PermissionsBoundary string
}

type userOutput struct{ User userShape }

func (i *IAM) createUser(r *api.Request, in *createUserInput) (any, error) {
	if err := checkName(in.UserName, "userName", maxUserName); err != nil {
		return nil, err
	}
	path, err := checkPath(in.Path)
	if err != nil {
		return nil, err
	}
	arn := i.arn("user" + path + in.UserName)
	if err := authorizeCreation(r, "User", arn, arn, in.PermissionsBoundary, in.Tags); err != nil {
		return nil, err
	}
	created := &user{i.newEntity(kindUser, in.UserName, path, "AIDA")}
	if created.tags, err = mergeTags(nil, in.Tags); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.bound(&created.entity, in.PermissionsBoundary); err != nil {
		return nil, err
	}
	for name := range i.users {
		if strings.EqualFold(name, in.UserName) {
			return nil, api.Errorf(http.StatusConflict, "EntityAlreadyExists", "User with name %s already exists.", in.UserName)
		}
	}
	i.users[in.UserName] = created
	if created.boundary != "" {
		i.settle(&created.entity, 0)
	}
	return userOutput{created.shape()}, nil
}

type userNameInput struct{ UserName string }

// self fills in the caller's own user where the API lets the name be left out.
func (i *IAM) self(r *api.Request, name string) (string, error) {
	if name != "" {
		return name, nil
	}
	if r.Caller.Type != api.User {
		return "", api.Errorf(http.StatusBadRequest, "ValidationError", "Must specify userName when calling with non-User credentials")
	}
	return r.Caller.ARN[strings.LastIndex(r.Caller.ARN, "/")+1:], nil
}

// withSelf is with for a user that is the caller when it is not named.
func (i *IAM) withSelf(r *api.Request, action, name string, do func(*user) (any, error)) (any, error) {
	name, err := i.self(r, name)
	if err != nil {
		return nil, err
	}
	return i.with(r, action, kindUser, name, nil, func(*entity) (any, error) { return do(i.users[name]) })
}

func (i *IAM) getUser(r *api.Request, in *userNameInput) (any, error) {
	return i.withSelf(r, "GetUser", in.UserName, func(found *user) (any, error) {
		return userOutput{found.shape()}, nil
	})
}

// accessKeys returns the ids of a user's long-lived keys. The caller holds the lock.
func (i *IAM) accessKeys(name string) []string {
	var ids []string
	for id, k := range i.keys {
		if k.user == name && k.key.SessionToken == "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

type accessKeyShape struct {
	UserName        string
	AccessKeyID     string `xml:"AccessKeyId"`
	Status          string
	SecretAccessKey string `xml:",omitempty"`
	CreateDate      api.Timestamp
}

func (i *IAM) createAccessKey(r *api.Request, in *userNameInput) (any, error) {
	return i.withSelf(r, "CreateAccessKey", in.UserName, func(found *user) (any, error) {
		if len(i.accessKeys(found.name)) >= maxAccessKeys {
			return nil, api.Errorf(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d", maxAccessKeys)
		}
		c := i.newKey(accessKey{user: found.name}, 0)
		return struct{ AccessKey accessKeyShape }{accessKeyShape{
			UserName: found.name, AccessKeyID: c.AccessKeyID, Status: "Active", SecretAccessKey: c.SecretAccessKey,
			CreateDate: api.Timestamp(i.keys[c.AccessKeyID].issued),
		}}, nil
	})
}

type deleteAccessKeyInput struct {
	UserName    string
	AccessKeyID string `param:"AccessKeyId"`
}

func (i *IAM) deleteAccessKey(r *api.Request, in *deleteAccessKeyInput) (any, error) {
	return i.withSelf(r, "DeleteAccessKey", in.UserName, func(found *user) (any, error) {
		if !slices.Contains(i.accessKeys(found.name), in.AccessKeyID) {
			return nil, api.Errorf(http.StatusNotFound, "NoSuchEntity", "The Access Key with id %s cannot be found.", in.AccessKeyID)
		}
		delete(i.keys, in.AccessKeyID)
		return nil, nil
	})
}

// CreateAdministrator makes a user with AdministratorAccess and a key for it,
// without a caller: it is how the cloud gets its first one.
func (i *IAM) CreateAdministrator(name string) api.Credentials {
	e := i.newEntity(kindUser, name, "/", "AIDA")
	i.mu.Lock()
	defer i.mu.Unlock()
	e.attached = []string{AdministratorAccess}
	i.settle(&e, 0)
	i.users[name] = &user{e}
	return i.newKey(accessKey{user: name}, 0)
}
