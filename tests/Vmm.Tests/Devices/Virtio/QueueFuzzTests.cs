using System.Globalization;
using KvmSevVmm.Vmm.Devices.Virtio;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>A million random operations of a hostile guest on each device: no crash, no growth, no byte that is not the device's.</summary>
/// <remarks>KVMSEV_FUZZ_OPERATIONS runs more; KVMSEV_TEST_SEED repeats a run.</remarks>
public sealed class QueueFuzzTests
{
    private static int Operations =>
        Environment.GetEnvironmentVariable("KVMSEV_FUZZ_OPERATIONS") is string given
            ? int.Parse(given, CultureInfo.InvariantCulture)
            : 1_000_000;

    [Fact]
    public void Rng_SurvivesAMillionOperations()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"), isEncrypted: true);
        new QueueFuzzer(bench, Seeds.Next()).Run(Operations);
    }

    [Fact]
    public void Block_SurvivesAMillionOperations_AndNoPrivateByteReachesTheDisk()
    {
        using var disk = new DiskImage(1 << 20);
        using var bench = new VirtioBench(disk.Open(queues: 2), isEncrypted: true);
        new QueueFuzzer(bench, Seeds.Next()).Run(Operations);

        byte[] secret = QueueFuzzer.Secret.ToArray();
        Assert.Equal(-1, File.ReadAllBytes(disk.Path).AsSpan().IndexOf(secret));
        Assert.Equal(1 << 20, new FileInfo(disk.Path).Length);
    }

    [Fact]
    public void Net_SurvivesAMillionOperations_AndNoPrivateByteReachesThePeer()
    {
        using var channel = new LoopbackChannel();
        using var bench = new VirtioBench(
            new VirtioNet("net0", [2, 0, 0, 0, 0, 1], channel, new BoundedLog(Serilog.Core.Logger.None)), isEncrypted: true);
        new QueueFuzzer(bench, Seeds.Next()).Run(Operations);

        Assert.True(channel.Frames > 0, "no frame was ever sent");
        Assert.Equal(0, channel.FramesWithSecret);
    }
}
