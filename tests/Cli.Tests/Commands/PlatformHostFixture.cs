using System.Diagnostics;
using System.Security.Cryptography;
using KvmSevVmm.Sev.Certificates;

namespace KvmSevVmm.Cli.Tests.Commands;

/// <summary>The identity of a simulated SEV host, which every run of a test class has, and an owner who would take it over.</summary>
public sealed class PlatformHostFixture : IAsyncLifetime
{
    private readonly TempDirectory _folder = new();
    private readonly SevHostFixture _host = new();

    /// <summary>Options of the simulated host.</summary>
    internal string Host => $"--snp --platform {Identity}";

    /// <summary>The PEK, signed by the owner.</summary>
    internal string Pek => _folder.File("pek");

    /// <summary>The owner's certificate.</summary>
    internal string Oca => _folder.File("oca");

    private string Identity => _folder.File("identity");

    /// <summary>A certificate or other file of the platform.</summary>
    internal byte[] Read(string name) => File.ReadAllBytes(Path.Combine(Identity, name));

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        // Where there is no simulated host the tests say so themselves; a fixture cannot skip.
        if (Environment.GetEnvironmentVariable("KVMSEV_SEV_HOST") is not { Length: > 0 } program
            || TestSupport.KvmHost.SkipReason is not null)
        {
            return;
        }

        using (Process make = Process.Start(program, ["--make-platform", Identity]))
        {
            await make.WaitForExitAsync();
            Assert.Equal(0, make.ExitCode);
        }

        SevHostCommand request = await _host.ExecuteAsync(Host, SevHostFixture.Monitor, "platform", "pek-csr", _folder.File("csr"));
        Assert.Equal((0, string.Empty), (request.ExitCode, request.Error));
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        SevCertificate oca = SevCertificate
            .Create(SevKeyUsage.Oca, SevKeyAlgorithm.EcdsaSha256, key.ExportParameters(false), 1, 55)
            .Sign(key, SevKeyUsage.Oca);
        File.WriteAllBytes(Oca, oca.Bytes.ToArray());
        File.WriteAllBytes(Pek, SevCertificate.Read(_folder.File("csr"), out _).Sign(key, SevKeyUsage.Oca).Bytes.ToArray());
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _host.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
