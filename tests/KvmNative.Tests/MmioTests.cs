using System.Globalization;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.TestSupport;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.KvmNative.Tests;

public sealed class MmioTests
{
    private const uint Address = 0xD000_0000;

    [KvmFact]
    public void Write_AllSizes_GiveAddressAndBytes()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, c =>
        {
            c.mov(rax, 0x8877_6655_4433_2211);
            c.mov(ebx, Address);
            c.mov(__byte_ptr[rbx], al);
            c.mov(__word_ptr[rbx + 0x12], ax);
            c.mov(__dword_ptr[rbx + 0x24], eax);
            c.mov(__qword_ptr[rbx + 0x38], rax);
            c.hlt();
        });
        List<string> seen = [];

        GuestRunner.Run(guest, exit => Record(exit, seen));

        Assert.Equal(["w D0000000 11", "w D0000012 1122", "w D0000024 11223344", "w D0000038 1122334455667788"], seen);
    }

    [KvmFact]
    public void Read_AllSizes_GiveTheGuestWhatDataHolds()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, c =>
        {
            c.mov(ebx, Address);
            c.movzx(r8d, __byte_ptr[rbx]);
            c.movzx(r9d, __word_ptr[rbx + 0x12]);
            c.mov(r10d, __dword_ptr[rbx + 0x24]);
            c.mov(r11, __qword_ptr[rbx + 0x38]);
            c.hlt();
        });
        List<string> seen = [];
        byte next = 0x81;

        GuestRunner.Run(guest, exit =>
        {
            if (exit.Reason == VcpuExitReason.Mmio)
            {
                foreach (ref byte value in exit.Data)
                {
                    value = next++;
                }
            }

            return Record(exit, seen);
        });

        Assert.Equal(["r D0000000 81", "r D0000012 8283", "r D0000024 84858687", "r D0000038 88898A8B8C8D8E8F"], seen);
        KvmRegs regs = guest.Vcpu.GetRegs();
        Assert.Equal(0x81UL, regs.R8);
        Assert.Equal(0x8382UL, regs.R9);
        Assert.Equal(0x8786_8584UL, regs.R10);
        Assert.Equal(0x8F8E_8D8C_8B8A_8988UL, regs.R11);
    }

    [KvmTheory]
    [InlineData(GuestMode.Real16)]
    [InlineData(GuestMode.Protected32)]
    public void ReadAndWrite_OtherModes_WorkToo(GuestMode mode)
    {
        // Real mode reaches the hole below 1 MiB only.
        const uint Low = 0xD_0000;
        using TinyGuest guest = TinyGuest.Create(mode, c =>
        {
            if (mode == GuestMode.Real16)
            {
                c.mov(ax, (ushort)(Low >> 4));
                c.mov(ds, ax);
                c.mov(ebx, 0);
            }
            else
            {
                c.mov(ebx, Low);
            }

            c.mov(al, __byte_ptr[ebx + 1]);
            c.mov(__byte_ptr[ebx + 2], al);
            c.mov(ax, __word_ptr[ebx + 4]);
            c.mov(__word_ptr[ebx + 6], ax);
            c.mov(eax, __dword_ptr[ebx + 8]);
            c.mov(__dword_ptr[ebx + 12], eax);
            c.hlt();
        });
        List<string> seen = [];

        GuestRunner.Run(guest, exit =>
        {
            if (exit.Reason == VcpuExitReason.Mmio && !exit.Mmio.IsWrite)
            {
                exit.Data.Fill((byte)exit.Mmio.PhysAddr);
            }

            return Record(exit, seen);
        });

        Assert.Equal(
            ["r 000D0001 01", "w 000D0002 01", "r 000D0004 0404", "w 000D0006 0404", "r 000D0008 08080808", "w 000D000C 08080808"], seen);
    }

    [KvmFact]
    public void CompleteExit_AccessInTwoPieces_GivesTheSecondPieceThenInterrupted()
    {
        using TinyGuest guest = TinyGuest.Create(GuestMode.Long64, c =>
        {
            c.mov(ebx, Address + 0xFFE);
            c.mov(eax, __dword_ptr[rbx]);
            c.hlt();
        });
        List<string> seen = [];
        ulong ripBefore = 0;
        VcpuExitReason completed = VcpuExitReason.Unknown;

        GuestRunner.Run(guest, exit =>
        {
            exit.Data.Fill(0x11);
            _ = Record(exit, seen);
            ripBefore = guest.Vcpu.GetRegs().Rip;
            VcpuExit second = guest.Vcpu.CompleteExit();
            second.Data.Fill(0x22);
            _ = Record(second, seen);
            completed = guest.Vcpu.CompleteExit().Reason;
            return false;
        });

        KvmRegs regs = guest.Vcpu.GetRegs();
        Assert.Equal(["r D0000FFE 1111", "r D0001000 2222"], seen);
        Assert.Equal(VcpuExitReason.Interrupted, completed);
        Assert.True(regs.Rip > ripBefore, $"rip {ripBefore:x} did not advance: a restored guest would make the access again.");
        Assert.Equal(0x2222_1111UL, regs.Rax);

        // Nothing is lost by it: the next run goes on behind the access.
        GuestRunner.Run(guest, exit =>
        {
            Assert.Equal(VcpuExitReason.Hlt, exit.Reason);
            return false;
        });
    }

    private static bool Record(VcpuExit exit, List<string> seen)
    {
        if (exit.Reason == VcpuExitReason.Hlt)
        {
            return false;
        }

        Assert.Equal(VcpuExitReason.Mmio, exit.Reason);
        Assert.Equal((int)exit.Mmio.Len, exit.Data.Length);
        seen.Add(string.Create(
            CultureInfo.InvariantCulture, $"{(exit.Mmio.IsWrite ? 'w' : 'r')} {exit.Mmio.PhysAddr:X8} {Convert.ToHexString(exit.Data)}"));
        return true;
    }
}
