using Iced.Intel;
using KvmSevVmm.KvmNative.Abi;
using KvmSevVmm.TestSupport;
using Xunit;
using static Iced.Intel.AssemblerRegisters;

namespace KvmSevVmm.KvmNative.Tests;

public sealed class PortIoTests
{
    private const byte Immediate = 0x42;
    private const ushort Port = 0x1234;

    public static TheoryData<GuestMode> Modes => [GuestMode.Real16, GuestMode.Protected32, GuestMode.Long64];

    [KvmTheory]
    [MemberData(nameof(Modes))]
    public void Out_AllSizesAndForms_GivePortSizeAndValue(GuestMode mode)
    {
        using TinyGuest guest = TinyGuest.Create(mode, c =>
        {
            c.mov(eax, 0x8765_4321);
            c.mov(edx, Port);
            c.@out(Immediate, al);
            c.@out(Immediate, ax);
            c.@out(Immediate, eax);
            c.@out(dx, al);
            c.@out(dx, ax);
            c.@out(dx, eax);
            c.hlt();
        });
        List<(ushort Port, int Size, uint Count, bool IsWrite, string Data)> seen = [];

        Run(guest, exit => seen.Add((exit.Io.Port, exit.Io.Size, exit.Io.Count, exit.Io.IsWrite, Convert.ToHexString(exit.Data))));

        Assert.Equal(
            [
                (Immediate, 1, 1, true, "21"),
                (Immediate, 2, 1, true, "2143"),
                (Immediate, 4, 1, true, "21436587"),
                (Port, 1, 1, true, "21"),
                (Port, 2, 1, true, "2143"),
                (Port, 4, 1, true, "21436587"),
            ],
            seen);
    }

    [KvmTheory]
    [MemberData(nameof(Modes))]
    public void In_AllSizesAndForms_GiveTheGuestWhatDataHolds(GuestMode mode)
    {
        using TinyGuest guest = TinyGuest.Create(mode, c =>
        {
            c.mov(edi, (uint)TinyGuest.DataAddress);
            c.mov(edx, Port);
            Store(c, () => c.@in(al, Immediate));
            Store(c, () => c.@in(ax, Immediate));
            Store(c, () => c.@in(eax, Immediate));
            Store(c, () => c.@in(al, dx));
            Store(c, () => c.@in(ax, dx));
            Store(c, () => c.@in(eax, dx));
            c.hlt();
        });
        List<(ushort Port, int Size, bool IsWrite)> seen = [];
        byte next = 1;

        Run(guest, exit =>
        {
            seen.Add((exit.Io.Port, exit.Io.Size, exit.Io.IsWrite));
            foreach (ref byte value in exit.Data)
            {
                value = next++;
            }
        });

        Assert.Equal(
            [(Immediate, 1, false), (Immediate, 2, false), (Immediate, 4, false), (Port, 1, false), (Port, 2, false), (Port, 4, false)],
            seen);

        // What an IN does not write keeps the 0xFFFFFFFF that each began with.
        Assert.Equal(
            "01FFFFFF" + "0203FFFF" + "04050607" + "08FFFFFF" + "090AFFFF" + "0B0C0D0E",
            Convert.ToHexString(guest.Memory.GetSpan(TinyGuest.DataAddress, 24)));

        static void Store(Assembler c, Action input)
        {
            c.mov(eax, 0xFFFF_FFFF);
            input();
            c.mov(__dword_ptr[edi], eax);
            c.add(edi, 4);
        }
    }

    [KvmTheory]
    [MemberData(nameof(Modes))]
    public void RepOuts_AllSizes_GivesTheWholeString(GuestMode mode)
    {
        const int Length = 48;
        using TinyGuest guest = TinyGuest.Create(mode, c =>
        {
            c.mov(edx, Port);
            c.cld();
            c.mov(ecx, Length);
            c.mov(esi, (uint)TinyGuest.DataAddress);
            c.rep.outsb();
            c.mov(ecx, Length / 2);
            c.mov(esi, (uint)TinyGuest.DataAddress);
            c.rep.outsw();
            c.mov(ecx, Length / 4);
            c.mov(esi, (uint)TinyGuest.DataAddress);
            c.rep.outsd();
            c.hlt();
        });
        byte[] text = new byte[Length];
        Random.Shared.NextBytes(text);
        text.CopyTo(guest.Memory.GetSpan(TinyGuest.DataAddress, Length));
        Dictionary<int, List<byte>> seen = [];

        Run(guest, exit =>
        {
            Assert.True(exit.Io.IsWrite);
            Assert.Equal(Port, exit.Io.Port);
            Assert.Equal((int)(exit.Io.Size * exit.Io.Count), exit.Data.Length);
            if (!seen.TryGetValue(exit.Io.Size, out List<byte>? bytes))
            {
                seen[exit.Io.Size] = bytes = [];
            }

            bytes.AddRange(exit.Data);
        });

        Assert.Equal([1, 2, 4], seen.Keys.Order());
        Assert.All(seen.Values, bytes => Assert.Equal(text, bytes));
    }

    [KvmTheory]
    [MemberData(nameof(Modes))]
    public void RepIns_AllSizes_FillsTheGuestsMemory(GuestMode mode)
    {
        const int Length = 48;
        using TinyGuest guest = TinyGuest.Create(mode, c =>
        {
            c.mov(edx, Port);
            c.cld();
            c.mov(ecx, Length);
            c.mov(edi, (uint)TinyGuest.DataAddress);
            c.rep.insb();
            c.mov(ecx, Length / 2);
            c.rep.insw();
            c.mov(ecx, Length / 4);
            c.rep.insd();
            c.hlt();
        });
        byte next = 0;
        uint largestCount = 0;

        Run(guest, exit =>
        {
            Assert.False(exit.Io.IsWrite);
            largestCount = Math.Max(largestCount, exit.Io.Count);
            foreach (ref byte value in exit.Data)
            {
                value = next++;
            }
        });

        byte[] expected = [.. Enumerable.Range(0, 3 * Length).Select(i => (byte)i)];
        Assert.Equal(expected, guest.Memory.GetSpan(TinyGuest.DataAddress, 3 * Length).ToArray());
        Assert.True(largestCount > 1, "The kernel asked for one element at a time, so arrays of several were not tested.");
    }

    private static void Run(TinyGuest guest, IoHandler onIo) => GuestRunner.Run(guest, exit =>
    {
        if (exit.Reason == VcpuExitReason.Hlt)
        {
            return false;
        }

        Assert.Equal(VcpuExitReason.Io, exit.Reason);
        onIo(exit);
        return true;
    });

    private delegate void IoHandler(VcpuExit exit);
}
