using KvmSevVmm.TestSupport;
using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Devices.Virtio;
using Xunit;
using Register = KvmSevVmm.Vmm.Devices.Virtio.VirtioMmioRegister;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>The registers and the status machine of a virtio-mmio device.</summary>
public sealed class TransportTests
{
    private const ulong Buffer = 0x20_0000;

    [Fact]
    public void Registers_OfAFreshDevice_AreWhatTheSpecificationSays()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        VirtioDriver driver = bench.Driver;

        Assert.Equal(0x74726976u, driver.Read(Register.MagicValue));
        Assert.Equal(2u, driver.Read(Register.Version));
        Assert.Equal(4u, driver.Read(Register.DeviceId));
        Assert.Equal((VirtioStatus)0, driver.Status);
        Assert.Equal(256u, driver.Read(Register.QueueSizeMax));
        Assert.Equal(0u, driver.Read(Register.QueueReady));
        Assert.Equal(0u, driver.Read(Register.InterruptStatus));
        Assert.Equal(0xFFFF_FFFFu, driver.Read(Register.SharedMemoryLengthLow));
        Assert.Equal((1UL << 28) | (1UL << 29) | (1UL << 32) | (1UL << 33), driver.ReadFeatures());
        Assert.Equal(0, bench.Device.Statistics.RefusedAccesses);
    }

    [Fact]
    public void Features_BeyondTheSecondWord_AreNone()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));

        bench.Driver.Write(Register.DeviceFeaturesSelect, 2);
        Assert.Equal(0u, bench.Driver.Read(Register.DeviceFeatures));
        bench.Driver.Write(Register.DeviceFeaturesSelect, uint.MaxValue);
        Assert.Equal(0u, bench.Driver.Read(Register.DeviceFeatures));
    }

    [Fact]
    public void EveryRegister_AtEverySizeAndMisalignment_HasADefinedAnswerAndHarmsNothing()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start();
        byte[] data = new byte[8];
        for (ulong offset = 0; offset < VirtioMmioTransport.WindowLength; offset++)
        {
            for (int size = 1; size <= 8; size++)
            {
                Span<byte> read = data.AsSpan(0, size);
                read.Fill(0xA5);
                bench.Transport.Read(offset, read);
                if (offset < Register.Config && (size != 4 || offset % 4 != 0))
                {
                    Assert.False(read.ContainsAnyExcept((byte)0), $"offset 0x{offset:x}, {size} bytes");
                    read.Fill(0xFF);
                    bench.Transport.Write(offset, read);
                }
            }
        }

        // None of the refused writes had an effect: the device still answers.
        Assert.Equal((VirtioStatus)15, bench.Driver.Status);
        Assert.Equal(16u, bench.Driver.Send(0, new DriverBuffer(Buffer, 16, true)));
        Assert.True(bench.Device.Statistics.RefusedAccesses > 3000);
    }

    [Fact]
    public void ConfigSpace_ReadsAtEverySizeAndPlace_AndEndsInZeros()
    {
        using var disk = new DiskImage(512 * 0x0102_0304L);
        using var bench = new VirtioBench(disk.Open());
        byte[] whole = new byte[64];
        for (int i = 0; i < whole.Length; i++)
        {
            bench.Transport.Read(Register.Config + (ulong)i, whole.AsSpan(i, 1));
        }

        Assert.Equal([0x04, 0x03, 0x02, 0x01, 0, 0, 0, 0], whole[..8]);
        byte[] data = new byte[8];
        for (int offset = 0; offset <= 56; offset++)
        {
            foreach (int size in (int[])[2, 3, 4, 8])
            {
                bench.Transport.Read(Register.Config + (ulong)offset, data.AsSpan(0, size));
                Assert.Equal(whole.AsSpan(offset, size), data.AsSpan(0, size));
            }
        }

        bench.Transport.Read(Register.Config + 58, data);
        Assert.Equal(new byte[8], data);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(1UL << 33)]
    [InlineData((1UL << 32) | (1UL << 40))]
    [InlineData((1UL << 32) | (1UL << 33) | (1UL << 0))]
    public void Features_WithoutVersion1OrNotOffered_AreRefused(ulong features)
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));

        Assert.False(bench.Driver.Negotiate(features));
        bench.Driver.Write(Register.Status, 15);

        Assert.Equal(VirtioStatus.Acknowledge | VirtioStatus.Driver, bench.Driver.Status);
    }

    [Fact]
    public void Features_WithoutAccessPlatform_AreRefusedInAnEncryptedGuestOnly()
    {
        using var plain = new VirtioBench(new VirtioRng("rng"));
        using var encrypted = new VirtioBench(new VirtioRng("rng"), isEncrypted: true);

        Assert.True(plain.Driver.Negotiate(1UL << 32));
        Assert.False(encrypted.Driver.Negotiate(1UL << 32));
        Assert.True(encrypted.Driver.Negotiate((1UL << 32) | (1UL << 33)));
    }

    [Fact]
    public void Features_ChangedAfterFeaturesOk_AreIgnored()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start(features: (1UL << 32) | (1UL << 33));

        bench.Driver.Write(Register.DriverFeaturesSelect, 0);
        bench.Driver.Write(Register.DriverFeatures, 1u << 28);

        // Were indirect descriptors agreed on now, this chain would be taken.
        bench.Driver.SetDescriptorAt(Buffer, Buffer + 0x1000, 16, 2);
        bench.Driver.SetDescriptor(0, 0, Buffer, 16, 4);
        Assert.Null(bench.Driver.SendHead(0, 0));
        Assert.Equal(VirtioStatus.NeedsReset, bench.Driver.Status & VirtioStatus.NeedsReset);
    }

    [Fact]
    public void Status_BitsThatAreCleared_StayUnlessAllAre()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start();

        bench.Driver.Write(Register.Status, 1);
        Assert.Equal((VirtioStatus)15, bench.Driver.Status);

        bench.Driver.Write(Register.Status, 0);
        Assert.Equal(VirtioStatus.None, bench.Driver.Status);
        Assert.Equal(0u, bench.Driver.Read(Register.QueueReady));
    }

    [Fact]
    public void Status_NeedsReset_CannotBeSetByTheDriver()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start();

        bench.Driver.Write(Register.Status, 0x4F);

        Assert.Equal((VirtioStatus)15, bench.Driver.Status);
    }

    [Fact]
    public void Failed_Driver_IsServedNoMore()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start();

        bench.Driver.Write(Register.Status, 0x8F);

        Assert.Null(bench.Driver.Send(0, new DriverBuffer(Buffer, 16, true)));
    }

    [Fact]
    public void Queue_BeforeFeaturesOk_CannotBeSetUp()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Write(Register.Status, 3);

        bench.Driver.PlaceQueue(0, 16, VirtioDriver.Descriptors(0), VirtioDriver.Available(0), VirtioDriver.Used(0));

        Assert.Equal(0u, bench.Driver.Read(Register.QueueReady));
    }

    [Fact]
    public void Queue_ThatIsReady_CannotBeMoved()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start();

        bench.Driver.PlaceQueue(0, 256, 0x30_0000, 0x31_0000, 0x32_0000);

        Assert.Equal(16u, bench.Transport.GetReadyQueues().Single().Layout.Size);
        bench.Driver.PlaceQueue(0, 16, 0, 0, 0);
        Assert.Equal(VirtioDriver.Descriptors(0), bench.Transport.GetReadyQueues().Single().Layout.Descriptors);
        Assert.Equal(16u, bench.Driver.Send(0, new DriverBuffer(Buffer, 16, true)));
    }

    [Fact]
    public void Queue_DisabledAndEnabledWhileRunning_StartsAnew()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start();
        Assert.Equal(16u, bench.Driver.Send(0, new DriverBuffer(Buffer, 16, true)));

        bench.Driver.Write(Register.QueueSelect, 0);
        bench.Driver.Write(Register.QueueReady, 0);
        Assert.Equal(0u, bench.Driver.Read(Register.QueueReady));
        bench.Transport.ProcessQueue(0);
        bench.Driver.SetUpQueue(0, 8);

        Assert.Equal(32u, bench.Driver.Send(0, new DriverBuffer(Buffer, 32, true)));
    }

    [Fact]
    public void Queue_ThatDoesNotExist_IsNotThere()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Negotiate();
        foreach (uint queue in (uint[])[1, 31, 0x7FFF_FFFF, uint.MaxValue])
        {
            bench.Driver.Write(Register.QueueSelect, queue);
            bench.Driver.Write(Register.QueueReady, 1);
            Assert.Equal(0u, bench.Driver.Read(Register.QueueSizeMax));
            Assert.Equal(0u, bench.Driver.Read(Register.QueueReady));
            bench.Driver.Write(Register.QueueNotify, queue);
        }

        Assert.Equal((VirtioStatus)11, bench.Driver.Status);
    }

    [Fact]
    public void Reset_WhileBuffersAreOffered_ForgetsThem()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start();
        bench.Driver.SetChain(0, 0, new DriverBuffer(Buffer, 16, true));
        bench.Driver.Offer(0, 0);

        bench.Driver.Write(Register.Status, 0);
        bench.Transport.ProcessQueue(0);

        Assert.False(bench.Driver.TryTakeUsed(0, out _, out _));
        Assert.Equal(1, bench.Device.Statistics.Resets);
        bench.Driver.Start();
        Assert.Equal(16u, bench.Driver.Send(0, new DriverBuffer(Buffer, 16, true)));
    }

    [Fact]
    public void Interrupt_IsRaisedOnceForABatch_AndAcknowledged()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start();
        bench.Driver.SetChain(0, 0, new DriverBuffer(Buffer, 16, true));
        bench.Driver.SetChain(0, 1, new DriverBuffer(Buffer, 16, true));
        bench.Driver.Offer(0, 0);
        bench.Driver.Offer(0, 1);

        bench.Transport.ProcessQueue(0);

        Assert.Equal(1, bench.Interrupt.Pulses);
        Assert.Equal(1u, bench.Driver.Read(Register.InterruptStatus));
        bench.Driver.Write(Register.InterruptAcknowledge, 1);
        Assert.Equal(0u, bench.Driver.Read(Register.InterruptStatus));
    }

    [Fact]
    public void Loop_AnswersNotifications_ByItself()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.StartLoop();
        bench.Driver.Start();
        bench.Driver.SetChain(0, 0, new DriverBuffer(Buffer, 16, true));
        bench.Driver.Offer(0, 0);

        bench.Driver.Write(Register.QueueNotify, 0);

        Assert.True(SpinWait.SpinUntil(() => bench.Interrupt.Pulses == 1, TimeSpan.FromSeconds(30)));
        Assert.True(bench.Driver.TryTakeUsed(0, out _, out uint written));
        Assert.Equal(16u, written);
    }

    [Fact]
    public void NotificationFlood_WithoutBuffers_RaisesNothingAndAllocatesNothing()
    {
        using var bench = new VirtioBench(new VirtioRng("rng"));
        bench.Driver.Start();
        bench.Transport.ProcessQueue(0);

        long allocated = Allocations.InBestRound(() =>
        {
            for (int i = 0; i < 100_000; i++)
            {
                bench.Driver.Write(Register.QueueNotify, 0);
            }

            bench.Transport.ProcessQueue(0);
        });

        Assert.Equal(0, allocated);
        Assert.Equal(0, bench.Interrupt.Pulses);
    }
}
