// Command inputs prints manifests to measure with: always the same bytes.
//
//	inputs workloads 10   10 MB of Deployments, StatefulSets and ConfigMaps
//	inputs crds 3         3 MB of CustomResourceDefinitions and one Deployment
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: inputs workloads|crds MEGABYTES")
		os.Exit(2)
	}
	megabytes, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	out := bufio.NewWriter(os.Stdout)
	size := 0
	for i := 0; size < megabytes<<20; i++ {
		n, _ := out.WriteString(document(os.Args[1], i))
		size += n
	}
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func document(kind string, i int) string {
	switch {
	case kind == "crds" && i == 0:
		return workload("Deployment", i)
	case kind == "crds":
		return crd(i)
	case i%5 == 4:
		return configMap(i)
	case i%5 == 3:
		return workload("StatefulSet", i)
	}
	return workload("Deployment", i)
}

// image is one of 200 names, as many as a large site has.
func image(i int) string {
	hosts := []string{"registry.k8s.io", "quay.io", "ghcr.io", "docker.io"}
	return fmt.Sprintf("%s/team-%d/service-%d:v1.%d.0", hosts[i%4], i%20, i%200, i%10)
}

func workload(kind string, i int) string {
	return fmt.Sprintf(`---
apiVersion: apps/v1
kind: %[1]s
metadata:
  name: service-%[2]d
  namespace: team-%[3]d
  labels:
    app.kubernetes.io/name: service-%[2]d
    app.kubernetes.io/part-of: team-%[3]d
spec:
  replicas: 2
  serviceName: service-%[2]d
  selector:
    matchLabels:
      app.kubernetes.io/name: service-%[2]d
  template:
    metadata:
      labels:
        app.kubernetes.io/name: service-%[2]d
    spec:
      initContainers:
      - name: migrate
        image: %[4]s
        command: ["/bin/migrate", "--to", "latest"]
      containers:
      - name: main
        image: "%[5]s" # the service itself
        args:
        - --listen=:8080
        - --log-level=info
        env:
        - name: POD_NAMESPACE
          valueFrom:
            fieldRef:
              fieldPath: metadata.namespace
        - name: PEERS
          value: service-%[2]d-0.service-%[2]d,service-%[2]d-1.service-%[2]d
        ports:
        - containerPort: 8080
          name: http
        readinessProbe:
          httpGet:
            path: /healthz
            port: http
          periodSeconds: 10
        resources:
          limits:
            memory: 256Mi
          requests:
            cpu: 100m
            memory: 128Mi
        volumeMounts:
        - mountPath: /etc/service
          name: config
      - name: proxy
        image: %[6]s
        ports:
        - containerPort: 9090
      volumes:
      - name: config
        configMap:
          name: service-%[2]d
`, kind, i, i%20, image(3*i), image(3*i+1), image(3*i+2))
}

func configMap(i int) string {
	return fmt.Sprintf(`---
apiVersion: v1
kind: ConfigMap
metadata:
  name: service-%[1]d
  namespace: team-%[2]d
data:
  service.yaml: |
    listen: ":8080"
    helper:
      image: %[3]s
      timeout: 30s
    upstreams:
    - http://service-%[1]d.team-%[2]d.svc:8080/
  motd: Service %[1]d of team %[2]d, at your service.
`, i, i%20, image(7*i))
}

// crd is like those of providers: much schema, and prose that mentions images.
func crd(i int) string {
	doc := fmt.Sprintf(`---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: things%[1]d.lab.example.com
spec:
  group: lab.example.com
  names:
    kind: Thing%[1]d
    plural: things%[1]d
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        description: Thing%[1]d is one of many things.
        type: object
        properties:
`, i)
	for field := range 600 {
		doc += fmt.Sprintf(`          field%[1]d:
            description: |-
              field%[1]d is the field of that number. It defaults to the image of the release,
              image: docker.io/library/nginx:1.%[1]d for example, and is ignored otherwise.
            format: int32
            minimum: %[1]d
            type: integer
`, field)
	}
	return doc
}
