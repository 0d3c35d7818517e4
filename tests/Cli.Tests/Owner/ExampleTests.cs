using System.Diagnostics;
using System.Security.Cryptography;
using KvmSevVmm.Cli.Commands.Attestation;
using KvmSevVmm.Cli.Commands.Inspection;
using KvmSevVmm.Cli.Commands.Platform;
using KvmSevVmm.Cli.Commands.Secrets;
using KvmSevVmm.Cli.Commands.Sessions;
using KvmSevVmm.Cli.Parsing;
using KvmSevVmm.Sev.Certificates;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Tests;

namespace KvmSevVmm.Cli.Tests.Owner;

/// <summary>The examples in the help of the owner's and the administrator's verbs, given the files that they name.</summary>
public sealed class ExampleTests : IDisposable
{
    private readonly OwnerDirectory _owner = new();

    public void Dispose() => _owner.Dispose();

    [Fact]
    public void Examples_WorkAsTheyStand()
    {
        PrepareFiles();
        Assert.All(
            ((VerbGroup[])[AttestVerbs.Group, InspectVerbs.Group, PlatformVerbs.Group, SecretVerbs.Group, SessionVerbs.Group])
                .SelectMany(static group => group.Verbs)
                .SelectMany(static verb => verb.Examples)
                .Where(static example => ReasonToSkip(example) is null),
            example => Run(example));
    }

    [Fact]
    public void Examples_WithJson_FitTheirSchemas()
    {
        PrepareFiles();
        int documents = 0;
        Assert.All(
            ((VerbGroup[])[AttestVerbs.Group, InspectVerbs.Group, PlatformVerbs.Group, SecretVerbs.Group, SessionVerbs.Group])
                .SelectMany(static group => group.Verbs)
                .Select(static verb => verb.Examples.FirstOrDefault(static example => ReasonToSkip(example) is null))
                .OfType<VerbExample>(),
            example =>
            {
                string output = Run(example with { Arguments = [.. example.Arguments.Where(static word => word != "--json"), "--json"] });
                Schemas.JsonSchemas.AssertFits(output);
                documents++;
            });
        Assert.InRange(documents, 15, int.MaxValue);
    }

    // What an example needs that no test can give it: an EPYC, a chip's real certificates, a machine that waits.
    private static string? ReasonToSkip(VerbExample example) => example.Arguments switch
    {
        ["platform", ..] when !example.Arguments.Contains("--model") => "hardware",
        ["session", "create", ..] when example.Arguments.Contains("--cek") => "hardware",
        ["secret", "inject", ..] => "a waiting machine",
        ["inspect", "kernel", { } path, ..] when !File.Exists(path) => path,
        ["inspect", "ovmf", { } path, ..] when !File.Exists(path) => path,
        _ => null,
    };

    private string Run(VerbExample example)
    {
        // The digest in the help is an example's; that of what was launched here takes its place.
        const int DigestDigits = 64;
        IEnumerable<string> arguments = example.Arguments.Select(word => word.Length == DigestDigits ? _owner.Digest : word);
        if (example.Arguments is ["session", "create", ..])
        {
            arguments = arguments.Append("--force");
        }

        using Process process = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "kvmsev"), arguments)
        {
            WorkingDirectory = Path.GetDirectoryName(_owner.Model)!,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{string.Join(' ', arguments)}: {process.ExitCode}\n{output.Result}{error}");
        return output.Result;
    }

    private void PrepareFiles()
    {
        _owner.MakeSession();
        OwnerDirectory.Succeed("platform", "export", "--out-dir", _owner.File("certs"), "--model", _owner.Model);
        _owner.Launch((_, measurement) =>
        {
            File.WriteAllText(_owner.File("measurement.b64"), measurement.ToString());
            File.WriteAllText(_owner.File("bundle.json"), $$"""
                {"schema":"kvmsev.launch-bundle/1","mode":"sev","kind":"sev","simulated":false,"policy":"0x3",
                "firmware":{"apiMajor":1,"apiMinor":55,"build":25},"launchDigest":"{{_owner.Digest}}","measurement":"{{measurement}}"}
                """);
        });
        File.Copy(_owner.File("vm_session.b64"), _owner.File("launch_blob.bin"));
        File.WriteAllText(_owner.File("disk.key"), "key");
        PrepareOwnership();
        PrepareReport();
        PrepareIdBlock();
    }

    private void PrepareOwnership()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        OwnerDirectory.Succeed("platform", "pek-csr", _owner.File("csr"), "--model", _owner.Model);
        File.WriteAllBytes(
            _owner.File("pek_csr.signed.cert"),
            SevCertificate.Read(_owner.File("csr"), out _).Sign(key, SevKeyUsage.Oca).Bytes.ToArray());
        File.WriteAllBytes(
            _owner.File("oca.cert"),
            SevCertificate.Create(SevKeyUsage.Oca, SevKeyAlgorithm.EcdsaSha256, key.ExportParameters(false), 1, 55)
                .Sign(key, SevKeyUsage.Oca).Bytes.ToArray());
    }

    // A real report of Milan, with its certificates in place of the model's.
    private void PrepareReport()
    {
        File.WriteAllBytes(_owner.File("report.bin"), Convert.FromHexString(Vectors.Text("virtee-sev/snp/report_milan.hex").Trim()));
        foreach (string name in (string[])["vcek.pem", "ask.pem", "ark.pem"])
        {
            File.Delete(Path.Combine(_owner.File("certs"), name));
        }

        File.Copy(Vectors.Path("virtee-sev/snp/vcek_milan.der"), _owner.File("vcek.der"));
        File.Copy(Vectors.Path("virtee-sev/snp/vcek_milan.der"), Path.Combine(_owner.File("certs"), "vcek.der"));
        File.Copy(Vectors.Path("virtee-sev/snp-ca/milan/ask.pem"), Path.Combine(_owner.File("certs"), "ask.pem"));
        File.Copy(Vectors.Path("virtee-sev/snp-ca/milan/ark.pem"), Path.Combine(_owner.File("certs"), "ark.pem"));
    }

    private void PrepareIdBlock()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        IdBlock block = IdBlock.Create(new byte[48], SnpPolicy.Default);
        File.WriteAllBytes(_owner.File("id_block.bin"), block.Bytes.ToArray());
        File.WriteAllBytes(_owner.File("id_auth.bin"), IdAuthentication.Create(block, key, null).Bytes.ToArray());
    }
}
