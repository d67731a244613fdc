package manifest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kubectl-airgap/kubectl-airgap/pkg/image"
)

// workloads makes a stream of deployments of about size bytes.
func workloads(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, workload, i, i, i, i)
	}
	return b.String()
}

const workload = `---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop-%d
  namespace: shop
  labels:
    app.kubernetes.io/name: shop
    app.kubernetes.io/instance: shop-%d
spec:
  replicas: 3
  selector:
    matchLabels:
      app.kubernetes.io/name: shop
  template:
    metadata:
      annotations:
        prometheus.io/scrape: "true"
      labels:
        app.kubernetes.io/name: shop
    spec:
      serviceAccountName: shop
      initContainers:
        - name: migrate
          image: ghcr.io/example/shop-migrate:v1.%d.0
          command: ["/bin/migrate", "--wait"]
      containers:
        - name: shop
          image: ghcr.io/example/shop:v1.%d.0
          imagePullPolicy: IfNotPresent
          args:
            - --listen=:8080
            - --helper-image=ghcr.io/example/helper:v3
          env:
            - name: DATABASE_URL
              value: postgres://shop@db.shop.svc:5432/shop
            - name: POD_NAME
              valueFrom:
                fieldRef:
                  fieldPath: metadata.name
          ports:
            - name: http
              containerPort: 8080
              protocol: TCP
          livenessProbe:
            httpGet:
              path: /healthz
              port: http
            initialDelaySeconds: 10
          resources:
            requests: {cpu: 100m, memory: 128Mi}
            limits: {cpu: "1", memory: 512Mi}
          volumeMounts:
            - name: config
              mountPath: /etc/shop
              readOnly: true
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop: [ALL]
      volumes:
        - name: config
          configMap:
            name: shop-config
`

// schemas makes CustomResourceDefinitions of about size bytes, whose prose speaks of images.
func schemas(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: things%d.example.com\nspec:\n  versions:\n  - name: v1\n    schema:\n      openAPIV3Schema:\n        properties:\n", i)
		for k := range 400 {
			fmt.Fprintf(&b, "          field%d:\n            description: |-\n              image: the image of this field, such as registry.k8s.io/pause:3.10.\n              More info: https://example.com/docs/images#field%d\n            type: string\n            default: \"\"\n", k, k)
		}
	}
	return b.String()
}

func benchmarkList(b *testing.B, src string) {
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("bench.yaml", []byte(src)); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkRewrite(b *testing.B, src string) {
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	m, err := image.NewMapping("registry.example.com/airgap", image.LayoutHost, nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		f, err := Parse("bench.yaml", []byte(src))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Replace(func(u Use) (image.Ref, bool) { return m.Target(u.Ref) }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListWorkloads(b *testing.B)    { benchmarkList(b, workloads(2<<20)) }
func BenchmarkRewriteWorkloads(b *testing.B) { benchmarkRewrite(b, workloads(2<<20)) }
func BenchmarkListSchemas(b *testing.B)      { benchmarkList(b, schemas(8<<20)) }
func BenchmarkRewriteSchemas(b *testing.B)   { benchmarkRewrite(b, schemas(8<<20)) }
