using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Sev.Tests.Attestation;

/// <summary>The signed SEV-SNP reports of the vectors, with the files that go with each.</summary>
internal static class SnpVectors
{
    /// <summary>
    /// Every signed report: name in snp-reports-expected.json, report, endorsement key, authorities, a moment at which all are valid.
    /// </summary>
    internal static IReadOnlyList<SnpVector> All { get; } =
    [
        new("virtee-sev/snp/report_milan.hex (hex text)", "virtee-sev/snp/report_milan.hex", "virtee-sev/snp/vcek_milan.der",
            ["virtee-sev/snp-ca/milan/ask.pem", "virtee-sev/snp-ca/milan/ark.pem"], SevGeneration.Milan, 2025),
        new("coco-trustee/snp/test-report.bin", "coco-trustee/snp/test-report.bin", "coco-trustee/snp/test-vcek.der",
            ["coco-trustee/milan_ask_ark_asvk.pem"], SevGeneration.Milan, 2025),
        new("coco-trustee/snp/test-vlek-report.bin", "coco-trustee/snp/test-vlek-report.bin", "coco-trustee/snp/test-vlek.der",
            ["coco-trustee/milan_ask_ark_asvk.pem"], SevGeneration.Milan, 2025),
        new("coco-trustee/az/hcl-report.bin @0x20", "coco-trustee/az/hcl-report.bin", "coco-trustee/az/vcek.pem",
            [], SevGeneration.Milan, 2025),
        new("microsoft-tee-verification/genoa/report.bin", "microsoft-tee-verification/genoa/report.bin",
            "microsoft-tee-verification/genoa/vcek.pem",
            ["microsoft-tee-verification/genoa/ask.pem", "microsoft-tee-verification/genoa/ark.pem"], SevGeneration.Genoa, 2027),
        new("microsoft-tee-verification/turin/report.bin", "microsoft-tee-verification/turin/report.bin",
            "microsoft-tee-verification/turin/vcek.pem",
            ["microsoft-tee-verification/turin/ask.pem", "microsoft-tee-verification/turin/ark.pem"], SevGeneration.Turin, 2027),
        new("project-oak/milan_rk_release/report.bin", "project-oak/milan_rk_release/report.bin", "project-oak/milan_rk_release/vcek.der",
            ["google-go-sev-guest/trust/ask_ark_milan.pem"], SevGeneration.Milan, 2026),
    ];

    internal static Xunit.TheoryData<string> Names => [.. All.Select(vector => vector.Name)];

    internal static SnpVector Get(string name) => All.Single(vector => vector.Name == name);
}
