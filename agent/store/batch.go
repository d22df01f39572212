package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"go.etcd.io/bbolt"
)

// manyBuckets stands for the buckets of an Update where its outcome is kept: its parts differ from time to time.
const manyBuckets = ""

// Change is one step of Update: the value to keep, or nil to delete what is kept.
//
// It is an alias, so that a package below this one, which may not import it, can name the same type.
type Change = struct {
	Bucket, Key string
	Value       any
}

// Update makes the changes in their order, in one synced transaction: all of them, or none. Deleting what is absent is no error.
func (s *Store) Update(changes ...Change) error {
	if len(changes) == 0 {
		return nil
	}
	encoded := make([]change, len(changes))
	for i, c := range changes {
		var err error
		if encoded[i], err = encode(c); err != nil {
			return fmt.Errorf("update %s/%s: %w", c.Bucket, c.Key, err)
		}
	}
	if err := s.write(manyBuckets, func(b backend) error { return b.apply(encoded) }); err != nil {
		return fmt.Errorf("update %s/%s and %d more: %w", changes[0].Bucket, changes[0].Key, len(changes)-1, err)
	}
	return nil
}

// All calls each with every value of the bucket, in the order of the keys. An error of each ends it and is returned. It is a
// snapshot: each may use the store.
func (s *Store) All(bucket string, each func(key string, value json.RawMessage) error) error {
	if err := checkName(bucket); err != nil {
		return fmt.Errorf("read all of %s: %w", bucket, err)
	}
	var found []change
	err := s.do(func(b backend) (err error) {
		found, err = b.all(bucket)
		return err
	})
	if err != nil {
		return fmt.Errorf("read all of %s: %w", bucket, err)
	}
	for _, c := range found {
		if err := each(c.key, c.value); err != nil {
			return fmt.Errorf("read all of %s: %s: %w", bucket, c.key, err)
		}
	}
	return nil
}

// change is a Change as it is kept. A nil value deletes.
type change struct {
	bucket, key string
	value       []byte
}

func encode(c Change) (change, error) {
	if err := checkName(c.Bucket); err != nil {
		return change{}, err
	}
	if c.Value == nil {
		return change{bucket: c.Bucket, key: c.Key}, nil
	}
	text, err := json.Marshal(c.Value)
	return change{bucket: c.Bucket, key: c.Key, value: text}, err
}

func (d *disk) apply(changes []change) error {
	return d.update(func(tx *bbolt.Tx) error {
		for _, c := range changes {
			b, err := tx.CreateBucketIfNotExists([]byte(c.bucket))
			if err != nil {
				return err
			}
			if c.value == nil {
				err = b.Delete([]byte(c.key))
			} else {
				err = b.Put([]byte(c.key), c.value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *disk) all(bucket string) (found []change, err error) {
	err = d.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if b == nil {
			return nil
		}
		return b.ForEach(func(key, value []byte) error {
			if value != nil { // else a bucket in a bucket: not ours
				found = append(found, change{bucket: bucket, key: string(key), value: slices.Clone(value)})
			}
			return nil
		})
	})
	return found, err
}

func (m *memory) apply(changes []change) error {
	for _, c := range changes {
		if c.value == nil {
			delete(m.values[c.bucket], c.key)
		} else if err := m.put(c.bucket, map[string][]byte{c.key: c.value}); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) all(bucket string) (found []change, err error) {
	for _, key := range slices.Sorted(maps.Keys(m.values[bucket])) {
		found = append(found, change{bucket: bucket, key: key, value: slices.Clone(m.values[bucket][key])})
	}
	return found, nil
}
