using System.Text.Json;
using KvmSevVmm.Sev;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Sev.Psp;
using KvmSevVmm.Sev.Sessions;
using KvmSevVmm.Sev.Verification;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using Serilog.Core;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Sev;

/// <summary>The very launch of hardware, over the model of the firmware: what its owner computes is what it measures.</summary>
public sealed class ModelLaunchTests : IDisposable
{
    private static readonly LoadedPiece[] Pieces = [new("kernel", new GpaRange(new Gpa(0x20_0000), 0x3000))];
    private static readonly GpaRange SecretPage = new(new Gpa(0x30_0000), 0x1000);

    private readonly GuestMemory _memory = GuestMemory.Create(GuestLayout.Create(64 << 20, 40, SevMode.Simulated, 39));
    private readonly SoftwarePsp _psp = SoftwarePsp.Create(new PspOptions { Seed = "model launch" });

    public ModelLaunchTests() => new Random(5).NextBytes(_memory.GetSpan(new Gpa(0x20_0000), 0x3000));

    public void Dispose()
    {
        _memory.Dispose();
        _psp.Dispose();
    }

    [Theory]
    [InlineData(SevGuestKind.Sev, 1u)]
    [InlineData(SevGuestKind.SevEs, 5u)]
    public void Launch_WithAnOwner_ProvesItsDigestAndTakesTheSecret(SevGuestKind kind, uint policyBits)
    {
        SevPolicy policy = new(policyBits);
        byte[][] saveAreas = kind == SevGuestKind.SevEs ? [new byte[Vmsa.Size], [.. Enumerable.Repeat((byte)1, Vmsa.Size)]] : [];
        byte[] plain = _memory.GetReadOnlySpan(new Gpa(0x20_0000), 0x3000).ToArray();
        using LaunchSession session = LaunchSession.Create(_psp.ExportChain().Pdh, policy, SystemRandomSource.Instance);
        using SoftwareSevGuest guest = _psp.CreateGuest(() => saveAreas);
        guest.Initialize(kind);
        SevLaunchInput input = new(
            kind, new LaunchStartRequest(policy, session.Godh.Bytes.ToArray(), session.Session.Bytes.ToArray()));
        using SevLaunch launch = new(guest, input, Logger.None) { IsSimulated = true, Firmware = _psp.GetStatus().Firmware };

        MeasuredLaunch measured = launch.Measure(_memory, new LaunchContent(Pieces, saveAreas, SecretPage));

        CheckResult check = LaunchMeasure.Verify(
            measured.Result.Measurement, session.Keys.Tik, measured.Firmware, policy, measured.Result.LaunchDigest.Span);
        Assert.Equal(CheckOutcome.Pass, check.Outcome);
        Assert.True(measured.IsSimulated);

        byte[] secret = [.. Enumerable.Range(0, 128).Select(static i => (byte)i)];
        TransportPacket packet = LaunchSecret.Package(session.Keys, measured.Result.Measurement, secret, SystemRandomSource.Instance);
        TransportPacket changed = TransportPacket.Parse(packet.Header, [(byte)(packet.Data[0] ^ 1), .. packet.Data[1..]], "test");
        Assert.Equal(
            PspStatus.BadMeasurement, Assert.Throws<SevCommandFailedException>(() => measured.Inject(changed, target: null)).Status);
        measured.Inject(packet, target: null);
        launch.Finish();

        // The guest of the simulated mode reads its memory through the host's mapping.
        Assert.Equal(secret, _memory.GetReadOnlySpan(SecretPage.Start, secret.Length).ToArray());
        Assert.Equal(plain, _memory.GetReadOnlySpan(new Gpa(0x20_0000), 0x3000).ToArray());
        Assert.Equal(SevGuestState.Running, guest.GetGuestStatus().State);
    }

    [Fact]
    public void Bundle_HasWhatAVerifierNeeds()
    {
        using SoftwareSevGuest guest = _psp.CreateGuest(static () => [new byte[Vmsa.Size]]);
        guest.Initialize(SevGuestKind.SevEs);
        SevLaunchInput input = new(SevGuestKind.SevEs, new LaunchStartRequest(new SevPolicy(5), default, default));
        using SevLaunch launch = new(guest, input, Logger.None)
        {
            IsSimulated = true,
            HashesPieces = true,
            Firmware = _psp.GetStatus().Firmware,
        };
        byte[][] saveAreas = [new byte[Vmsa.Size]];
        MeasuredLaunch measured = launch.Measure(_memory, new LaunchContent(Pieces, saveAreas, SecretPage));
        using MemoryStream output = new();

        LaunchBundleWriter.Write(
            new LaunchBundle
            {
                Mode = SevMode.Simulated,
                IsSimulated = true,
                Kind = SevGuestKind.SevEs,
                InitInterface = SevInitInterface.Init2,
                Firmware = measured.Firmware,
                CBitPosition = 39,
                MemoryBytes = 64 << 20,
                VcpuCount = 1,
                CpuSignature = 0xA20F12,
                Launch = measured.Result,
                SaveAreas = saveAreas,
                SecretArea = SecretPage,
                Platform = null,
            },
            output);

        JsonElement bundle = JsonDocument.Parse(output.ToArray()).RootElement;
        Assert.Equal("kvmsev.launch-bundle/1", bundle.GetProperty("schema").GetString());
        Assert.True(bundle.GetProperty("simulated").GetBoolean());
        Assert.Equal("sev-es", bundle.GetProperty("kind").GetString());
        Assert.Equal("init2", bundle.GetProperty("initInterface").GetString());
        Assert.Equal("0x00000005", bundle.GetProperty("policy").GetString());
        Assert.Equal("0x00a20f12", bundle.GetProperty("cpuSignature").GetString());
        Assert.Equal(55, bundle.GetProperty("firmware").GetProperty("apiMinor").GetInt32());
        JsonElement piece = Assert.Single(bundle.GetProperty("pieces").EnumerateArray());
        Assert.Equal("0x200000", piece.GetProperty("gpa").GetString());
        Assert.Equal(Convert.ToHexStringLower(measured.Result.Pieces[0].Sha256.Span), piece.GetProperty("sha256").GetString());
        Assert.Equal(new byte[Vmsa.Size], bundle.GetProperty("saveAreas")[0].GetProperty("page").GetBytesFromBase64());
        Assert.Equal("0x300000", bundle.GetProperty("secretArea").GetProperty("gpa").GetString());
        Assert.Equal(measured.Result.Measurement.Bytes.ToArray(), bundle.GetProperty("measurement").GetBytesFromBase64());
        Assert.Equal(JsonValueKind.Null, bundle.GetProperty("platform").ValueKind);
    }
}
