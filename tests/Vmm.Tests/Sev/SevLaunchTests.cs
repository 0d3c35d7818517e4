using System.Security.Cryptography;
using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Measurement;
using KvmSevVmm.Sev.Policies;
using KvmSevVmm.Vmm.Boot;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sev;
using Serilog.Core;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Sev;

public sealed class SevLaunchTests : IDisposable
{
    private const ulong MiB = 1 << 20;

    /// <summary>What a SEV-ES launch of the two pieces below is; the second one is cut, the two RAM ranges are both pinned.</summary>
    private static readonly string[] EsTranscript =
    [
        "LAUNCH_START 0x00000005 godh 0 session 0",
        "REG_REGION 0x0 +0xc0000000",
        "REG_REGION 0x100000000 +0x100000",
        "LAUNCH_UPDATE_DATA 0x7000 +0x1000",
        "LAUNCH_UPDATE_DATA 0x200000 +0x1000000",
        "LAUNCH_UPDATE_DATA 0x1200000 +0x2000",
        "LAUNCH_UPDATE_VMSA",
        "LAUNCH_MEASURE",
        "LAUNCH_FINISH",
    ];

    private static readonly LoadedPiece[] Pieces =
    [
        new("zero page", new GpaRange(new Gpa(0x7000), 0x1000)),
        new("kernel", new GpaRange(new Gpa(0x20_0000), 0x100_2000)),
    ];

    private static readonly LaunchContent Content = new(Pieces, [], new GpaRange(new Gpa(0x9000), 0x1000));

    private readonly GuestMemory _memory = GuestMemory.Create(GuestLayout.Create((3 << 10) * MiB + MiB, 48, SevMode.Sev, 51));

    public SevLaunchTests()
    {
        _memory.GetSpan(new Gpa(0x7000), 0x1000).Fill(0x11);
        new Random(7).NextBytes(_memory.GetSpan(new Gpa(0x20_0000), 0x100_2000));
    }

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void Run_SevEs_IssuesExactlyTheseCommands()
    {
        RecordingSevCommands commands = new();
        using (SevLaunch launch = new(commands, Input(SevGuestKind.SevEs, 5), Logger.None))
        {
            byte[] saveArea = [.. Enumerable.Repeat((byte)0x77, Vmsa.Size)];
            SevLaunchResult result = launch.Measure(_memory, new LaunchContent(Pieces, [saveArea, saveArea], default)).Result;
            launch.Finish();

            Assert.Equal(EsTranscript, commands.Transcript);
            Assert.Equal(SHA256.HashData([.. commands.Launched.ToArray(), .. saveArea, .. saveArea]), result.LaunchDigest.ToArray());
            Assert.Equal(2, commands.Pinned.Count);
        }

        Assert.Equal(["UNREG_REGION 0x100000000 +0x100000", "UNREG_REGION 0x0 +0xc0000000"], commands.Transcript.Skip(EsTranscript.Length));
        Assert.Empty(commands.Pinned);
    }

    [Fact]
    public void Run_Sev_HasNoSaveAreasAndKnowsTheWholeDigest()
    {
        RecordingSevCommands commands = new();
        byte[] expected = SHA256.HashData(
            [.. _memory.GetReadOnlySpan(new Gpa(0x7000), 0x1000), .. _memory.GetReadOnlySpan(new Gpa(0x20_0000), 0x100_2000)]);
        using SevLaunch launch = new(commands, Input(SevGuestKind.Sev, 1), Logger.None);

        SevLaunchResult result = launch.Measure(_memory, Content).Result;
        launch.Finish();

        Assert.Equal(
            ["LAUNCH_START 0x00000001 godh 0 session 0", .. EsTranscript.Skip(1).Where(static line => line != "LAUNCH_UPDATE_VMSA")],
            commands.Transcript);
        Assert.Equal(expected, result.LaunchDigest.ToArray());
        Assert.Equal(expected, SHA256.HashData(commands.Launched.ToArray()));
        Assert.Equal(
            Pieces.Select(static piece => (piece.Name, piece.Range)), result.Pieces.Select(static piece => (piece.Name, piece.Range)));
        Assert.All(result.Pieces, static piece => Assert.True(piece.Sha256.IsEmpty));
        Assert.Equal(7u, result.Handle);
        Assert.Same(RecordingSevCommands.Measurement, result.Measurement);
    }

    public static TheoryData<int> EveryStep() => [.. Enumerable.Range(0, EsTranscript.Length)];

    [Theory]
    [MemberData(nameof(EveryStep))]
    public void Run_RefusedStep_StopsThereAndLeavesNothingPinned(int step)
    {
        RecordingSevCommands commands = new() { RefusedLine = step };
        SevLaunch launch = new(commands, Input(SevGuestKind.SevEs, 5), Logger.None);

        SevCommandFailedException refused = Assert.Throws<SevCommandFailedException>(() =>
        {
            launch.Measure(_memory, Content);
            launch.Finish();
        });

        Assert.Equal(EsTranscript[step], refused.Command);
        Assert.Equal(EsTranscript.Take(step + 1), commands.Transcript);
        launch.Dispose();
        Assert.Empty(commands.Pinned);
        Assert.All(commands.Transcript.Skip(step + 1), static line => Assert.StartsWith("UNREG_REGION", line, StringComparison.Ordinal));
    }

    [Fact]
    public void Dispose_RefusedUnregister_StillTriesTheOthers()
    {
        RecordingSevCommands commands = new() { RefusesUnregister = true };
        SevLaunch launch = new(commands, Input(SevGuestKind.Sev, 1), Logger.None);
        launch.Measure(_memory, Content);

        launch.Dispose();
        launch.Dispose();

        Assert.Equal(2, commands.Transcript.Count(static line => line.StartsWith("UNREG_REGION", StringComparison.Ordinal)));
    }

    [Fact]
    public void Measure_PiecesWanted_HashesEachPlainText()
    {
        byte[] zeroPage = _memory.GetReadOnlySpan(new Gpa(0x7000), 0x1000).ToArray();
        byte[] kernel = _memory.GetReadOnlySpan(new Gpa(0x20_0000), 0x100_2000).ToArray();
        using SevLaunch launch = new(new RecordingSevCommands(), Input(SevGuestKind.Sev, 1), Logger.None) { HashesPieces = true };

        SevLaunchResult result = launch.Measure(_memory, Content).Result;

        Assert.Equal(
            [SHA256.HashData(zeroPage), SHA256.HashData(kernel)], result.Pieces.Select(static piece => piece.Sha256.ToArray()));
    }

    [Fact]
    public void Inject_AfterTheMeasurement_PutsSecretsWhereTheyBelong()
    {
        RecordingSevCommands commands = new();
        using SevLaunch launch = new(commands, Input(SevGuestKind.Sev, 1), Logger.None);
        MeasuredLaunch measured = launch.Measure(_memory, Content);

        Assert.Equal(new GpaRange(new Gpa(0x9000), 64), measured.Inject(Packet(64), target: null));
        Assert.Equal(new GpaRange(new Gpa(0x8FC0), 64), measured.Inject(Packet(64), new Gpa(0x8FC0)));
        launch.Finish();

        Assert.Equal(
            ["LAUNCH_MEASURE", "LAUNCH_SECRET 0x9000 +0x40", "LAUNCH_SECRET 0x8fc0 +0x40", "LAUNCH_FINISH"],
            commands.Transcript.TakeLast(4));
    }

    [Theory]
    [InlineData(0x9030UL, 64, "launch secret: gpa: at 0x9030 there is a secret already")]
    [InlineData(null, 64, "launch secret: gpa: at 0x9000 there is a secret already")]
    [InlineData(0xAFE0UL, 64, "launch secret: gpa: 64 bytes at 0xafe0 pass the end of a page")]
    [InlineData(0xC000_0000UL, 64, "launch secret: gpa: 0xc0000000 is not RAM of the guest")]
    [InlineData(0xFFFF_FFFF_FFFF_F000UL, 4096, "launch secret: gpa: 0xfffffffffffff000 is not RAM of the guest")]
    [InlineData(0xA000UL, 4112, "launch secret: secret: has 4112 bytes; 1 to 4096 are possible")]
    [InlineData(0xA000UL, 0, "launch secret: secret: has 0 bytes; 1 to 4096 are possible")]
    public void Inject_WhereNoSecretCanBe_IsRefusedBeforeTheFirmware(ulong? target, int length, string message)
    {
        RecordingSevCommands commands = new();
        using SevLaunch launch = new(commands, Input(SevGuestKind.Sev, 1), Logger.None);
        MeasuredLaunch measured = launch.Measure(_memory, Content);
        measured.Inject(Packet(64), target: null);
        int before = commands.Transcript.Count;

        InvalidInputException refused = Assert.Throws<InvalidInputException>(
            () => measured.Inject(Packet(length), target is ulong gpa ? new Gpa(gpa) : null));

        Assert.Equal(message, refused.Message);
        Assert.Equal(before, commands.Transcript.Count);
    }

    [Fact]
    public void Inject_NoPlaceOfItsOwn_WantsOne()
    {
        using SevLaunch launch = new(new RecordingSevCommands(), Input(SevGuestKind.Sev, 1), Logger.None);
        MeasuredLaunch measured = launch.Measure(_memory, Content with { SecretArea = default });

        InvalidInputException refused = Assert.Throws<InvalidInputException>(() => measured.Inject(Packet(64), target: null));

        Assert.Equal("gpa", refused.Field);
    }

    [Theory]
    [InlineData(SevMode.Sev, null, 1)]
    [InlineData(SevMode.SevEs, null, 5)]
    [InlineData(SevMode.Sev, 0x20u, 0x20)]
    public void Input_WithoutOwner_IsThePolicyAlone(SevMode mode, uint? policy, uint expected)
    {
        SevLaunchInput input = SevLaunchInput.Read(
            new SevConfig { Mode = mode, Policy = policy is uint value ? new SevPolicy(value) : null });

        Assert.Equal(new SevPolicy(expected), input.Start.Policy);
        Assert.True(input.Start.OwnerCertificate.IsEmpty && input.Start.Session.IsEmpty);
    }

    [Theory]
    [InlineData(SevMode.Sev, 5u, "--sev: policy: 0x00000005 has bit 2 (ES), which needs mode sev-es")]
    [InlineData(SevMode.SevEs, 1u, "--sev: policy: 0x00000001 lacks bit 2 (ES), which mode sev-es needs")]
    [InlineData(SevMode.Sev, 0x41u, "--sev: policy: 0x00000041: Bits 6 to 15 are reserved and must be zero, here they are 0x1")]
    public void Input_BadPolicy_IsRefused(SevMode mode, uint policy, string message) => Assert.Equal(
        message,
        Assert.Throws<InvalidInputException>(
            () => SevLaunchInput.Read(new SevConfig { Mode = mode, Policy = new SevPolicy(policy) })).Message);

    [Fact]
    public void Input_CertificateWithoutSession_IsRefused()
    {
        InvalidInputException error = Assert.Throws<InvalidInputException>(
            () => SevLaunchInput.Read(new SevConfig { Mode = SevMode.Sev, OwnerCertificatePath = "/nowhere" }));

        Assert.Equal("session-file", error.Field);
    }

    private static SevLaunchInput Input(SevGuestKind kind, uint policy) =>
        new(kind, new LaunchStartRequest(new SevPolicy(policy), default, default));

    private static TransportPacket Packet(int length) =>
        TransportPacket.Parse(new byte[TransportPacket.HeaderSize], new byte[length], "test");
}
