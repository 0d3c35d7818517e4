using KvmSevVmm.Sev.Attestation;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Sev.Tests.Attestation;

internal sealed record SnpVector(
    string Name,
    string ReportPath,
    string EndorsementPath,
    IReadOnlyList<string> AuthorityPaths,
    SevGeneration Generation,
    int Year)
{
    internal DateTimeOffset At => new(Year, 6, 1, 0, 0, 0, TimeSpan.Zero);

    internal SnpReportFile ReadFile() => SnpReportFile.Read(Vectors.Path(ReportPath));

    internal SnpReport ReadReport() => ReadFile().Report;

    internal AmdX509Chain ReadChain()
    {
        List<AmdX509Certificate> certificates = [.. X509File.Read(Vectors.Path(EndorsementPath))];
        certificates.AddRange(AuthorityPaths.SelectMany(path => X509File.Read(Vectors.Path(path))));
        return AmdX509Chain.Assemble(certificates, Name);
    }

    internal SnpReportExpectations Expect() => new() { Chain = ReadChain(), At = At };
}
